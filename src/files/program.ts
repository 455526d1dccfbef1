/** Programs of the system: begun, listened to, and never left behind. */
import { spawn } from 'node:child_process'
import { throwIfAborted } from '../common/abort'
import { reasonOf } from '../common/checks'
import { fileError } from '../data/readers/file-error'
import { ZoetropeError } from '../errors'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'

type Child = ChildProcessByStdio<null, Readable, Readable>

/** A program that says nothing for so long hangs, and is ended. */
const PATIENCE = 120_000
const MOST_STDERR = 4096

const running = new Set<Child>()

/**
 * Runs a program on a file and passes on what it writes, piece by piece: it waits while `take` does. It is ended when
 * `take` has had enough and says so, when the signal aborts, when it hangs, and when the process exits.
 *
 * @param take - Called with each piece; `false` ends the program.
 * @returns What the program said on its error stream.
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  {
    path,
    signal,
    take,
  }: {
    readonly path: string
    readonly signal: AbortSignal | undefined
    readonly take: (bytes: Uint8Array) => boolean
  },
): Promise<string> {
  throwIfAborted(signal)
  const child = begin(name, args)
  const ended = endOf(child)
  const kill = (): void => void child.kill('SIGKILL')
  const watch = { hasHung: false }
  const timer = setTimeout(() => {
    watch.hasHung = true
    kill()
  }, PATIENCE)
  timer.unref()
  signal?.addEventListener('abort', kill, { once: true })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, MOST_STDERR)))
  let isEnough = false
  try {
    for await (const bytes of child.stdout as AsyncIterable<Uint8Array>) {
      timer.refresh()
      isEnough = !take(bytes)
      if (isEnough) break
    }
    if (isEnough) kill()
    const { code, error } = await ended
    throwIfAborted(signal)
    if (error !== undefined) throw missing(name, path, error)
    if (watch.hasHung) throw fileError({ path }, `${name} to read the file`, `nothing for ${PATIENCE / 1000} s`)
    if (code !== 0 && !isEnough) throw fileError({ path }, `a file that ${name} can read`, lastLine(said))
    return said.trim()
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', kill)
    kill()
  }
}

/** The line that says what is wrong: programs begin with details and end with what came of them. */
function lastLine(said: string): string {
  return said.trim().split('\n').at(-1) ?? 'an error'
}

function begin(name: string, args: readonly string[]): Child {
  if (running.size === 0) process.once('exit', endAll)
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
  running.add(child)
  return child
}

async function endOf(child: Child): Promise<{ readonly code: number | null; readonly error: Error | undefined }> {
  return new Promise((resolve) => {
    const end = (code: number | null, error: Error | undefined): void => {
      running.delete(child)
      if (running.size === 0) process.removeListener('exit', endAll)
      resolve({ code, error })
    }
    child.once('error', (error) => end(null, error))
    child.once('close', (code) => end(code, undefined))
  })
}

function endAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

function missing(program: string, path: string, cause: Error): ZoetropeError {
  const reason = 'code' in cause && cause.code === 'ENOENT' ? 'none' : reasonOf(cause)
  const message =
    `Expected the program \`${program}\` to read the video '${path}', received ${reason}. Install FFmpeg: ` +
    '`sudo apt install ffmpeg`, `sudo dnf install ffmpeg` or `sudo apk add ffmpeg`'
  return new ZoetropeError('ERR_DATA', message, { path, program, expected: program, actual: reason }, { cause })
}
