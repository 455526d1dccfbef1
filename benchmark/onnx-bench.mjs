/**
 * onnxruntime-node's side of the benchmark: one job as JSON on standard input, its result as the last line of output.
 *
 * `logits`: those of the first batch. `inference`: milliseconds of sweeps over the batches, each awaited one by one.
 */
import { json } from 'node:stream/consumers'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { readBatches } from './lib/read-batches.mjs'
import { eachOf, sweeps, warmUp } from './lib/sweeps.mjs'

const { task, onnx, threads, shape, batches: count, seconds, ...files } = await json(process.stdin)
const session = await InferenceSession.create(onnx, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
})
const [inputName, outputName] = [session.inputNames[0], session.outputNames[0]]
/** The file's clips have an axis of time, of one frame too. */
const batches = (await readBatches(files, shape, count)).map(
  ({ inputs: { data, shape: sizes } }) =>
    new Tensor('float32', data, shape.time === 1 ? [sizes[0], 1, ...sizes.slice(1)] : sizes),
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
