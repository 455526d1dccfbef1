/** Runs one job in a process of its own: the job goes in as JSON, the result comes out as the last line. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../scripts/libtorch.mjs'
import { capture, root, SetupError } from '../../scripts/steps.mjs'

/** The most that one job may take, waiting of a `--prefix` included. */
const LIMIT_MS = 30 * 60_000

/** The optional program that runs the same steps in a Rust loop; its job and result are those of the other workers. */
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
export async function runJob({ python, options }, contender, job) {
  const { threads, prefix } = options
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
  const input = JSON.stringify({ threads, configuration: contender.configuration, ...job })
  const { code, stdout, stderr } = await capture(command, args, { input, env, cwd: root, timeout: LIMIT_MS })
  if (code !== 0) {
    const last = stderr.trim().split('\n').slice(-12).join('\n  ')
    const how = code === null ? `was killed, perhaps after ${LIMIT_MS / 60_000} minutes` : `failed (exit code ${code})`
    throw new SetupError(`${contender.label} ${how} at ${job.task}:\n  ${last}`)
  }
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

/** Names the path that Zoetrope takes. */
export const engineVariable = 'ZOETROPE_ENGINE'
