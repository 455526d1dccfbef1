/** Programs run in a process of their own, to look at how it ends. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export const REPOSITORY = dirname(require.resolve('zoetrope/package.json'))

/** Runs `__test__/process/programs/<name>.ts`, compiled. */
export async function runProgram(
  name: string,
  args: string[] = [],
  flags: string[] = [],
  { env, under }: { env?: NodeJS.ProcessEnv; under?: string[] } = {},
): Promise<Ending> {
  const program = join(__dirname, '..', 'process', 'programs', `${name}.js`)
  return runNode([...flags, program, ...args], env, REPOSITORY, under)
}

/** Runs Node, by a command that takes one, in the repository, where `zoetrope` is the package itself. */
export async function runNode(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  cwd = REPOSITORY,
  under: string[] = [],
): Promise<Ending> {
  const [command, ...rest] = [...under, process.execPath, ...args] as [string, ...string[]]
  const child = spawn(command, rest, {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 240_000,
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
}
