// The tutorial's own case: a handwritten digit is a sequence of one frame. `node examples/mnist.mjs --epochs 10`
import { Adam, CnnLstm, DataLoader, TensorDataset, fit } from 'zoetrope'

import { readMnist } from './lib/mnist.mjs'
import { runProgram } from './lib/program.mjs'
import { percent, printEpoch } from './lib/report.mjs'

export async function trainMnist({ epochs, seed, tiny, device, save, signal }) {
  const trainSet = new TensorDataset(await readMnist('train', tiny ? 512 : 60_000))
  const testSet = new TensorDataset(await readMnist('test', tiny ? 256 : 10_000))

  const model = await CnnLstm.create({
    input: { channels: 1, height: 28, width: 28 },
    numClasses: 10,
    cnn: [{ outChannels: 32 }, { outChannels: 64 }],
    lstm: { hiddenSize: 128 },
    device,
    seed,
  })
  model.summary()

  const run = fit(model, {
    train: new DataLoader(trainSet, { batchSize: 64, shuffle: true, seed }),
    validation: new DataLoader(testSet, { batchSize: 256 }),
    epochs,
    optimizer: new Adam(model, { learningRate: 1e-3 }),
    signal,
  })
  try {
    for await (const epoch of run) printEpoch(epoch)
    const history = await run
    const seconds = history.reduce((sum, { train }) => sum + train.seconds, 0)
    return { accuracy: history.at(-1).validation.accuracy, seconds } // the last epoch's: the best is not picked
  } finally {
    if (save) await model.save(save) // after Ctrl-C as well: what was learned so far is kept
    await model.dispose()
  }
}

await runProgram(import.meta.url, { epochs: 3 }, async (options) => {
  const { accuracy, seconds } = await trainMnist(options)
  console.log(`Accuracy on the test digits: ${percent(accuracy)} after ${seconds.toFixed(1)} s of training`)
})
