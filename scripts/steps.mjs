/** Running a step of a script: child processes, progress, and errors that say what to do. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** Something that whoever runs the script can put right: printed as it is, without a stack. */
export class SetupError extends Error {}

/** A command that failed after it had printed its own reasons. */
export class CommandError extends Error {
  constructor(command, status) {
    super(`${command} failed (${status})`)
  }
}

const children = new Set()

/** Runs a script's body; an error becomes exit code 1 and one message. */
export async function main(body) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      for (const child of children) child.kill(signal)
      process.exit(128 + constants.signals[signal])
    })
  }
  try {
    await body()
  } catch (error) {
    const expected = error instanceof SetupError || error instanceof CommandError
    console.error(`\n${expected ? error.message : error.stack}`)
    process.exitCode = 1
  }
}

/** Starts a command that ends with the script at the latest. */
export function start(command, args, options) {
  const child = spawn(command, args, options)
  children.add(child)
  child.once('close', () => children.delete(child))
  return child
}

/** Runs a command that prints for itself. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = start(command, args, { cwd: root, stdio: 'inherit', ...options })
    child.once('error', (error) => reject(new SetupError(`${command} does not start: ${error.message}`)))
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new CommandError([command, ...args].join(' '), signal ?? `exit code ${code}`))
    })
  })
}

/** Runs another script of this folder. */
export const script = (name, args = []) => run(process.execPath, [join(root, 'scripts', name), ...args])

/** Runs a command-line program that a devDependency brings. */
export const bin = (name, args, options) => run(join(root, 'node_modules', '.bin', name), args, options)

/** Runs a command silently; `code` is undefined when the command does not exist. */
export function capture(command, args, { input = '', ...options } = {}) {
  return new Promise((resolve) => {
    const child = start(command, args, { stdio: 'pipe', ...options })
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => (output[name] += text))
    }
    child.once('error', () => resolve({ code: undefined, ...output }))
    child.once('close', (code) => resolve({ code, ...output }))
    child.stdin.on('error', () => undefined) // a command that does not read its input
    child.stdin.end(input)
  })
}

/** Runs every check, also after one failed, and names those that failed. */
export async function runAll(checks) {
  const failed = []
  for (const [name, check] of checks) {
    console.log(`\n● ${name}`)
    try {
      await check()
    } catch (error) {
      console.error(error.message)
      failed.push(name)
    }
  }
  if (failed.length > 0) throw new SetupError(`Failed: ${failed.join(', ')}`)
}

/** Shows `label` while `work` runs: a line that `measure` keeps alive on a terminal, one line elsewhere. */
export async function progress(label, work, measure) {
  if (!process.stdout.isTTY) {
    console.log(label)
    return work()
  }
  const started = Date.now()
  const show = async () => {
    const measured = await measure?.().catch(() => undefined)
    const seconds = Math.round((Date.now() - started) / 1000)
    process.stdout.write(`\r\x1b[K${label}  ${measured ?? ''}  ${seconds} s`)
  }
  const timer = setInterval(show, 250)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    process.stdout.write(`\r\x1b[K${label}  ${Math.round((Date.now() - started) / 1000)} s\n`)
  }
}
