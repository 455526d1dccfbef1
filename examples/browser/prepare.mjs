/**
 * Trains the network of `examples/motion.mjs`, and writes what the page loads into `examples/browser/files`, or `--save FOLDER`:
 *
 *     node examples/browser/prepare.mjs && node examples/browser/serve.mjs
 *
 * Two ONNX files, one for whole clips and one for a stream of frames, and `stored.json`: some digits that the page moves, and
 * some clips with the answers that Node gave them.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Adam, CnnLstm, DataLoader, TensorDataset, fit } from 'zoetrope'

import { readMnist } from '../lib/mnist.mjs'
import { canvas, makeClips, motions } from '../lib/motions.mjs'
import { runProgram } from '../lib/program.mjs'
import { printEpoch } from '../lib/report.mjs'

const STORED = 8

await runProgram(import.meta.url, { epochs: 4, save: join(import.meta.dirname, 'files') }, async (options) => {
  const { save, epochs, seed, signal } = options
  const count = options.tiny ? 128 : 2000
  const trainClips = makeClips((await readMnist('train', count)).inputs, 1)
  const testClips = makeClips((await readMnist('test', count)).inputs, 2) // digits that no training clip shows
  const digits = (await readMnist('test', STORED)).inputs
  const { inputs: clips } = makeClips(digits, 3)

  const model = await CnnLstm.create({
    input: { channels: 1, height: canvas, width: canvas },
    classes: motions,
    cnn: [{ outChannels: 16 }, { outChannels: 32 }],
    lstm: { hiddenSize: 64 },
    seed,
  })
  try {
    const train = new DataLoader(new TensorDataset(trainClips), { batchSize: 16, shuffle: true, seed })
    const validation = new DataLoader(new TensorDataset(testClips), { batchSize: 64 })
    const optimizer = new Adam(model, { learningRate: 1e-3 })
    for await (const epoch of fit(model, { train, validation, epochs, optimizer, signal })) printEpoch(epoch)

    await mkdir(save, { recursive: true })
    const exported = { inputType: 'uint8', softmax: true, signal }
    for (const [name, streaming] of Object.entries({ 'clip.onnx': false, 'stream.onnx': true })) {
      const { largestDifference, clips: compared } = await model.exportOnnx(join(save, name), {
        ...exported,
        streaming,
      })
      const proof =
        compared === 0 ? 'not compared' : `${largestDifference.toExponential(1)} from the model on ${compared} clips`
      console.log(`${join(save, name)}: ${proof}`)
    }
    const answers = await model.predict(clips)
    const stored = {
      digits: { data: [...digits.data], shape: digits.shape },
      clips: { data: [...clips.data], shape: clips.shape },
      probabilities: answers.map(({ probabilities }) => [...probabilities]),
    }
    await writeFile(join(save, 'stored.json'), JSON.stringify(stored))
  } finally {
    await model.dispose()
  }
})
