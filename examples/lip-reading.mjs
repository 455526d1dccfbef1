// Camera clips of a mouth that says one of four colours (GRID corpus). Which frames there are tells something; their
// order tells more: the same network, trained and tested on frames in random order, is the comparison.
//
// node examples/lip-reading.mjs [--data clips.npz] [--quick]
//
// Any .npz with `X`, uint8 [clips, time, channels, height, width], and `y`, [clips], will do.
import { Subset, TensorDataset, readNpz, split } from 'zoetrope'

import { shuffleFrames } from './lib/motions.mjs'
import { numpyPermutation } from './lib/numpy-random.mjs'
import { runProgram, UserError } from './lib/program.mjs'
import { findData, learn, meanAndDeviation, printResult, runRecipe, seeds } from './lib/recipe.mjs'

const augment = { shift: 3, contrast: 0.2, brightness: 0.1, timeStretch: 0.1, dropFrames: 0.1 }
const common = { epochs: 30, learningRate: 2e-3, labelSmoothing: 0.1, clipNorm: 1, augment }
const candidates = {
  'one direction, last step': common,
  'both directions, mean': { ...common, lstm: { hiddenSize: 96, bidirectional: true }, pooling: 'mean' },
}
const bar = 0.9
const gain = 0.1
const published =
  'logistic regression on ordered frames .825, on one middle frame .68, a small PyTorch twin .885 (30 epochs)'

await runProgram(import.meta.url, {}, async (options) => {
  const file = findData(options, 'grid-colour4', 'grid_s1_colour4.npz')
  if (file === undefined) return
  const { inputs, targets } = await readClips(file)
  const [count, , channels, height, width] = inputs.shape

  // The published split: the first fifth of NumPy's permutation is the test part.
  const order = numpyPermutation(count, 0)
  const [testPart, trainPart] = [order.slice(0, Math.floor(count / 5)), order.slice(Math.floor(count / 5))]
  const recipe = {
    batchSize: 16,
    candidates,
    model: {
      input: { channels, height, width },
      numClasses: Math.max(...targets) + 1,
      cnn: [{ outChannels: 16 }, { outChannels: 32 }, { outChannels: 64 }],
      lstm: { hiddenSize: 128 },
      dropout: 0.3,
    },
  }
  const parts = (clips) => {
    const dataset = new TensorDataset(clips)
    return { train: new Subset(dataset, trainPart), test: new Subset(dataset, testPart) }
  }
  const { train, test } = parts({ inputs, targets })
  const fold = await split(train, { fractions: { train: 0.8, validation: 0.2 }, seed: 0 })
  const ordered = await runRecipe({ train, test, folds: [fold], recipe, options })

  console.log('\nThe same network and settings, the frames of every clip in random order:')
  const mixed = parts(shuffleFrames({ inputs, targets }, 1))
  const accuracies = []
  for (const seed of options.quick ? seeds.slice(0, 1) : seeds) {
    const settings = ordered.chosen
    const result = await learn({ train: mixed.train, evaluate: mixed.test, recipe, settings, seed, options })
    accuracies.push(result.accuracy)
  }
  const shuffled = meanAndDeviation(accuracies)
  printResult('Ordered frames', ordered, { published, bar }, options)
  console.log(`Frames in random order: ${shuffled.mean.toFixed(3)} ± ${shuffled.deviation.toFixed(3)}`)
  if (!options.quick && ordered.mean - shuffled.mean < gain) {
    throw new UserError(`Expected the order of the frames to be worth at least ${gain}`)
  }
})

async function readClips(file) {
  const arrays = await readNpz(file, { names: ['X', 'y'] })
  return { inputs: arrays.get('X').toNdArray(), targets: Int32Array.from(arrays.get('y').toTargets()) }
}
