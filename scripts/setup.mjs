/** `npm run setup`: everything a build needs. Doing it again costs a second. Uses Node's own modules only. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchLibtorch, findLibtorch } from './libtorch.mjs'
import { withLock } from './lock.mjs'
import { main, root, run, SetupError } from './steps.mjs'
import { checkToolchain } from './toolchain.mjs'

await main(async () => {
  const found = findLibtorch()
  await checkToolchain({ needsPython: found === undefined })
  const libtorch = found ?? (await fetchLibtorch())
  const onWait = (pid) => console.log(`Another set-up (process ${pid}) works in this folder; waiting for it`)
  await withLock(join(root, '.setup.lock'), onWait, async () => {
    await writeCargoConfig(libtorch)
    await installNodeModules()
  })
  console.log(`Set-up is complete: libtorch is ${libtorch}`)
})

/** Tells cargo where libtorch is, so that plain `cargo build` works too. A LIBTORCH in the environment wins. */
async function writeCargoConfig(libtorch) {
  const file = join(root, '.cargo', 'config.toml')
  const header = '# Written by `npm run setup`.\n'
  const wanted = `${header}[env]\nLIBTORCH = ${JSON.stringify(libtorch)}\n`
  const present = await readFile(file, 'utf8').catch(() => undefined)
  if (present === wanted) return
  if (present !== undefined && !present.startsWith(header)) {
    if (present.includes(`LIBTORCH = ${JSON.stringify(libtorch)}`)) return
    throw new SetupError(`${file} is your own. Add to it:\n\n[env]\nLIBTORCH = ${JSON.stringify(libtorch)}`)
  }
  await mkdir(join(root, '.cargo'), { recursive: true })
  await writeFile(file, wanted)
}

/** Installs the devDependencies when they are missing or older than the lock file. No install script runs. */
async function installNodeModules() {
  const modified = async (name) => (await stat(join(root, name)).catch(() => undefined))?.mtimeMs ?? 0
  if ((await modified('node_modules/.package-lock.json')) >= (await modified('package-lock.json'))) return
  console.log('Installing the development tools (npm ci)')
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
}
