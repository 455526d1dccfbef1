// A case that needs time: which way does a digit move? Still frames, in any number, cannot tell: see lib/motions.mjs.
import { Adam, CnnLstm, DataLoader, TensorDataset, fit } from 'zoetrope'

import { readMnist } from './lib/mnist.mjs'
import { canvas, makeClips, motions, shuffleFrames } from './lib/motions.mjs'
import { runProgram } from './lib/program.mjs'
import { percent, printEpoch } from './lib/report.mjs'

export const chance = 1 / motions.length

/** The loss stands still for one epoch or two before the network finds the order of the frames; then it falls at once. */
export const motionEpochs = 4

/** Trains on clips, then the same network again on the same clips with their frames shuffled, for comparison. */
export async function trainMotion(options) {
  const count = options.tiny ? 128 : 2000
  const trainClips = makeClips((await readMnist('train', count)).inputs, 1)
  const testClips = makeClips((await readMnist('test', count)).inputs, 2) // digits that no training clip shows

  const ordered = await learn(trainClips, testClips, options)
  console.log('\nThe same network on the same clips, the frames of each in random order:')
  const shuffled = await learn(shuffleFrames(trainClips, 3), shuffleFrames(testClips, 4), {
    ...options,
    save: undefined,
  })
  return { accuracy: ordered.accuracy, shuffled: shuffled.accuracy, seconds: ordered.seconds + shuffled.seconds }
}

async function learn(trainClips, testClips, { epochs, seed, device, save, signal }) {
  const model = await CnnLstm.create({
    input: { channels: 1, height: canvas, width: canvas }, // one frame: a clip has any number of them
    classes: motions,
    cnn: [{ outChannels: 32 }, { outChannels: 64 }],
    lstm: { hiddenSize: 128 },
    device,
    seed,
  })
  const run = fit(model, {
    train: new DataLoader(new TensorDataset(trainClips), { batchSize: 16, shuffle: true, seed }),
    validation: new DataLoader(new TensorDataset(testClips), { batchSize: 64 }),
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

await runProgram(import.meta.url, { epochs: motionEpochs }, async (options) => {
  const { accuracy, shuffled } = await trainMotion(options)
  console.log(`Accuracy on the test clips: ${percent(accuracy)}`)
  console.log(`With their frames shuffled: ${percent(shuffled)} (chance is ${percent(chance)})`)
})
