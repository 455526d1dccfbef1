/** What a clean room is given besides the packages: Node and package managers, pinned by `tools/package-lock.json`. */
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capture, progress, SetupError } from '../../steps.mjs'
import { cached } from './cached.mjs'

const pins = fileURLToPath(new URL('tools/', import.meta.url))

/** The npm that each Node brings. */
const NPM_OF = { 20.19: 'npm-10', 20: 'npm-10', 22: 'npm-10', 24: 'npm-11', 26: 'npm-12' }

/** The package manager with its version. */
export const versioned = (manager, node) => (manager === 'npm' ? NPM_OF[node] : manager)

/** Fetches the tools once with the machine's npm, and returns their `node_modules`; for the short form a few of them. */
export async function fetchTools(isShort) {
  const lock = await readFile(join(pins, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex')
  const folder = await cached(`clean-room-tools-${isShort ? 'short-' : ''}${digest.slice(0, 8)}`, async (partial) => {
    for (const name of ['package.json', 'package-lock.json']) await copyFile(join(pins, name), join(partial, name))
    const args = [
      'ci',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      ...(isShort ? ['--omit=dev'] : []),
    ]
    const npm = () => capture('npm', args, { cwd: partial })
    const { code, stderr } = await progress('Fetching Node and package managers for the clean rooms', npm)
    if (code === 0) return
    throw new SetupError(`npm could not fetch the clean rooms’ tools:\n${stderr.trim().slice(0, 2000)}`)
  })
  return join(folder, 'node_modules')
}

/**
 * Fills `folder`, the first of a room's PATH, with `node` and the package manager. `tools` is the tools' folder as a
 * program in the room sees it, `node` a version such as 22, `manager` a name such as `npm` or `pnpm-12`.
 */
export async function writeCommands({ folder, tools, node, manager }) {
  const script = async (name, command) => {
    await writeFile(join(folder, name), `#!/bin/sh\nexec ${command} "$@"\n`)
    await chmod(join(folder, name), 0o755)
  }
  const program = `${tools}/node-${node}/bin/node`
  const byNode = (name, file) => script(name, `'${program}' '${tools}/${file}'`)
  await mkdir(folder, { recursive: true })
  await symlink(program, join(folder, 'node'))
  if (manager === 'npm') {
    await byNode('npm', `${NPM_OF[node]}/bin/npm-cli.js`)
    await byNode('npx', `${NPM_OF[node]}/bin/npx-cli.js`)
  }
  if (manager === 'pnpm-10') await byNode('pnpm', 'pnpm-10/bin/pnpm.cjs')
  if (manager === 'pnpm-12') await script('pnpm', `'${tools}/pnpm-12/pnpm'`)
  if (manager.startsWith('yarn')) await byNode('yarn', `${manager}/bin/yarn.js`)
}
