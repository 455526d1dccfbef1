/** Where a cell's commands run: in a clean room, or, where rooms are not permitted, in an emptied environment. */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { delimiter, join } from 'node:path'

/** The non-root user of a room. */
const USER = 1000

/** The shell and what the package managers' start scripts call; a room has them anyway. */
const SHELL_PROGRAMS = ['sh', 'env', 'sed', 'dirname', 'uname', 'cat']

/** How long a command may take. */
const PATIENCE = 300_000

/**
 * Prepares `scratch` and returns the paths as the commands see them, `toHost` for the host's view of one, `handOver`, which
 * gives the files to the commands' user, and `run`. Called inside the namespaces of `rooms.mjs` if there is a `room`.
 */
export function openPlace({ scratch, room, tools, asRoot }) {
  for (const name of ['bin', 'srv', 'tmp']) mkdirSync(join(scratch, name), { recursive: true })
  if (room === undefined) return emptied(scratch, tools)
  enter(room, {
    'opt/bin': join(scratch, 'bin'),
    'opt/node_modules': tools,
    srv: join(scratch, 'srv'),
    tmp: join(scratch, 'tmp'),
  })
  if (!asRoot) for (const name of ['srv', 'tmp']) chownSync(join(scratch, name), USER, USER)
  const user = asRoot ? '0:0' : `${USER}:${USER}`
  return {
    tools: '/opt/node_modules',
    work: '/srv',
    temporary: '/tmp',
    path: '/opt/bin:/usr/bin:/bin',
    toHost: (path) => path.replace(/^\/srv/, join(scratch, 'srv')),
    handOver: () => asRoot || must('chown', '-R', `${USER}:${USER}`, join(scratch, 'srv')),
    run: (command, options) =>
      run(['chroot', `--userspec=${user}`, `--groups=${asRoot ? 0 : USER}`, room], command, options),
  }
}

/** Makes the room read-only and mounts the cell's folders; they go with the namespace. */
function enter(room, folders) {
  must('ip', 'link', 'set', 'lo', 'up')
  const others = Object.keys(networkInterfaces()).filter((name) => name !== 'lo')
  if (others.length > 0) throw new Error(`The room has a network: ${others.join(', ')}`)
  must('mount', '--bind', room, room)
  for (const [to, from] of Object.entries(folders)) {
    mkdirSync(join(room, to), { recursive: true })
    must('mount', '--bind', from, join(room, to))
  }
  must('mount', '--rbind', '/dev', join(room, 'dev'))
  must('mount', '-t', 'proc', 'proc', join(room, 'proc'))
  for (const path of ['', 'opt/node_modules']) must('mount', '-o', 'remount,bind,ro', join(room, path))
}

function must(command, ...args) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} failed: ${error?.message ?? stderr.trim()}`)
}

function emptied(scratch, tools) {
  const bin = join(scratch, 'bin')
  for (const name of SHELL_PROGRAMS) {
    const found = process.env.PATH.split(delimiter).map((folder) => join(folder, name)).find(existsSync) // prettier-ignore
    if (found) symlinkSync(found, join(bin, name))
  }
  const work = join(scratch, 'srv')
  const same = (path) => path
  return {
    tools,
    work,
    temporary: join(scratch, 'tmp'),
    path: bin,
    toHost: same,
    handOver: () => undefined,
    run: (command, options) => run([], command, options),
  }
}

/** Runs a command with exactly `env`, and resolves with its status and everything it printed. */
function run(prefix, command, { cwd, env }) {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const [program, ...args] = [...prefix, 'env', '-i', '-C', cwd, ...variables, ...command]
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ status: code ?? signal, output }))
  })
}
