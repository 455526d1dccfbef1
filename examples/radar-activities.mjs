// Radar "video" of five activities (RadHAR), split by recording: somebody else's boxing must be recognised.
//
// node examples/radar-activities.mjs [--data radhar_small.npz] [--quick]
import { TensorDataset, readNpz, split } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, printResult, runRecipe } from './lib/recipe.mjs'

const classes = ['boxing', 'jack', 'jump', 'squats', 'walk']
const augment = { shift: 1, timeStretch: 0.1, dropFrames: 0.1 }
const candidates = {
  'as they are': { epochs: 8, learningRate: 2e-3 },
  augmented: { epochs: 8, learningRate: 2e-3, augment },
  'augmented, longer': { epochs: 14, learningRate: 2e-3, augment },
}
const bar = 0.9
const published = 'a small CNN-LSTM .88 (12 epochs), logistic regression on the mean over time .864'

await runProgram(import.meta.url, {}, async (options) => {
  const file = findData(options, 'radhar-small', 'radhar_small.npz')
  if (file === undefined) return
  const arrays = await readNpz(file)
  const part = (inputs, targets) =>
    new TensorDataset({ inputs: occupied(arrays.get(inputs).toNdArray()), targets: arrays.get(targets).toTargets() })
  const [train, test] = [part('Xtr', 'ytr'), part('Xte', 'yte')]
  // Clips of one recording follow each other; which recording each is of is not in the file. Stretches of clips are
  // the groups: at their ends a recording may still be in both parts.
  const stretch = (_, index) => Math.floor(index / 62)
  const choice = await split(train, { fractions: { train: 0.8, validation: 0.2 }, by: stretch, seed: 0 })
  const recipe = {
    batchSize: 32,
    candidates,
    model: {
      input: { channels: 4, height: 16, width: 16 },
      classes,
      cnn: [{ outChannels: 16 }, { outChannels: 32 }],
      lstm: { hiddenSize: 64 },
      dropout: 0.3,
    },
  }
  const result = await runRecipe({ train, test, choice, recipe, options })
  printResult('RadHAR, 5 activities', result, { published, bar }, options)
})

/** Whether there is a point in a voxel, rather than how many: counts depend on the distance. */
function occupied({ data, shape }) {
  return { data: data.map((count) => (count > 0 ? 255 : 0)), shape }
}
