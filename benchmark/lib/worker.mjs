/** Jobs in processes of their own: a job goes in as a line of JSON, its result comes out as the last line. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cacheFolder } from '../../scripts/libtorch.mjs'
import { capture, root, SetupError, start } from '../../scripts/steps.mjs'

/** The most that one job may take, waiting of a `--prefix` included. */
const LIMIT_MS = 30 * 60_000

/** The program that runs the same steps in a Rust loop; with `--no-build` it may be missing. */
export const rustLoop = join(root, 'target', 'release', 'examples', 'train_loop')

export const hasRustLoop = () => existsSync(rustLoop)

/** The command line of each kind of worker. */
function commandOf(kind, python) {
  if (kind === 'torch') return [python, join(root, 'benchmark', 'torch_bench.py')]
  if (kind === 'rust') return [rustLoop]
  if (kind === 'onnx') return [process.execPath, join(root, 'benchmark', 'onnx-bench.mjs')]
  return [process.execPath, join(root, 'benchmark', 'zoetrope-bench.mjs')]
}

/** The result of `job`, done by `contender` under the benchmark's settings. */
export async function runJob(context, contender, job) {
  const { command, args, ...settings } = program(context, contender, job)
  const input = `${JSON.stringify(fullJob(context, contender, job))}\n`
  const { code, stdout, stderr } = await capture(command, args, { ...settings, input, timeout: LIMIT_MS })
  if (code !== 0) {
    const how = code === null ? `was killed, perhaps after ${LIMIT_MS / 60_000} minutes` : `failed (exit code ${code})`
    throw failure(contender, job, how, stderr)
  }
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

/** A process that has made its job's preparations and waits for `turn()`, which answers with a line of its output. */
export async function openWorker(context, contender, job) {
  const { command, args, ...settings } = program(context, contender, job)
  const child = start(command, args, settings)
  let stderr = ''
  child.on('error', ({ message }) => (stderr += message))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  child.stdin.on('error', () => undefined) //                its end is seen at its output
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { done, value } = await answers.next()
    if (done) throw failure(contender, job, 'ended', stderr)
    return JSON.parse(value)
  }
  const turn = () => {
    child.stdin.write('\n')
    return answer()
  }
  child.stdin.write(`${JSON.stringify(fullJob(context, contender, job))}\n`)
  await answer() //                                          it is ready
  return { turn, close: () => child.kill() }
}

/** How the contender's process is started. */
function program({ python, options: { threads, prefix } }, contender, job) {
  const [command, ...args] = [...prefix, ...commandOf(contender.kind, python)]
  const { [engineVariable]: _engine, ...inherited } = process.env
  const env = {
    ...inherited,
    OMP_NUM_THREADS: String(job.threads ?? threads),
    MKL_NUM_THREADS: String(job.threads ?? threads),
    TORCHINDUCTOR_CACHE_DIR: join(cacheFolder(), 'inductor'),
    TORCHINDUCTOR_COMPILE_THREADS: '1', //          no helper processes beside the one that is measured
    ...contender.env,
  }
  return { command, args, env, cwd: root }
}

const fullJob = ({ options: { threads } }, { configuration }, job) => ({ threads, configuration, ...job })

function failure({ label }, { task }, how, stderr) {
  const last = stderr.trim().split('\n').slice(-12).join('\n  ')
  return new SetupError(`${label} ${how} at ${task}:\n  ${last}`)
}

/** Names the path that Zoetrope takes. */
export const engineVariable = 'ZOETROPE_ENGINE'
