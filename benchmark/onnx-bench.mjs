/**
 * onnxruntime-node's side of the benchmark: one job as JSON on standard input, its result as the last line of output.
 *
 * `logits`: those of the first batch. `inference`: milliseconds of sweeps over the batches, each awaited one by one.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { readBatches } from './lib/read-batches.mjs'
import { eachOf, sweeps, warmUp } from './lib/sweeps.mjs'

const { task, runtime, onnx, threads, shape, batches: count, seconds, ...files } = await json(process.stdin)
const { InferenceSession, Tensor } = createRequire(join(runtime, 'package.json'))('onnxruntime-node')
const session = await InferenceSession.create(onnx, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
})
const [inputName, outputName] = [session.inputNames[0], session.outputNames[0]]
const batches = (await readBatches(files, shape, count)).map(
  ({ inputs }) => new Tensor('float32', inputs.data, inputs.shape),
)
const run = async (batch) => (await session.run({ [inputName]: batch }))[outputName].data

const tasks = {
  logits: async () => ({ logits: [...(await run(batches[0]))] }),
  inference: async () => ({
    sweepsMs: await sweeps(seconds, {
      warmUp: () => eachOf(warmUp(batches), run),
      sweep: () => eachOf(batches, run),
    }),
  }),
}
console.log(JSON.stringify(await tasks[task]()))
