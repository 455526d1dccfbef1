// Radar "video" of five activities (RadHAR), split by recording: somebody else's boxing must be recognised.
//
// node examples/radar-activities.mjs [--data radhar_small.npz] [--quick]
import { TensorDataset, readNpz } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, makeFolds, printResult, runRecipe } from './lib/recipe.mjs'

const classes = ['boxing', 'jack', 'jump', 'squats', 'walk']
const augment = { timeStretch: 0.1, dropFrames: 0.1 }
const common = { epochs: 8, learningRate: 2e-3, weightDecay: 0.05, labelSmoothing: 0.1, augment }
const candidates = {
  convolution: { ...common, cnn: [{ outChannels: 16 }] },
  'voxels as they are': { ...common, cnn: [] },
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
  const recordingOf = recordings(arrays.get('Xtr').toNdArray())
  const folds = makeFolds(train, 4, (index) => recordingOf[index] % 4)
  const recipe = {
    batchSize: 32,
    candidates,
    model: {
      input: { channels: 4, height: 16, width: 16 },
      classes,
      projection: 64, // of every place of the frame by itself: where a movement is tells as much as its form
      lstm: { hiddenSize: 64 },
      dropout: 0.5,
    },
  }
  const result = await runRecipe({ train, test, folds, recipe, options })
  printResult('RadHAR, 5 activities', result, { published, bar }, options)
})

/** Whether there is a point in a voxel, rather than how many: counts depend on the distance. */
function occupied({ data, shape }) {
  return { data: data.map((count) => (count > 0 ? 255 : 0)), shape }
}

/**
 * The recording that each clip is cut from. Cuts of one recording follow each other, and each begins with the second half
 * of the one before it: where it does not, another recording begins.
 */
function recordings({ data, shape: [count] }) {
  const size = data.length / count
  const clips = Array.from({ length: count }, (_, clip) => Buffer.from(data.subarray(clip * size, (clip + 1) * size)))
  let recording = 0
  return clips.map((clip, index) => {
    const goesOn = index > 0 && clips[index - 1].subarray(size / 2).equals(clip.subarray(0, size / 2))
    if (index > 0 && !goesOn) recording++
    return recording
  })
}
