// Who says /ae/? Nine speakers by 12 cepstrum coefficients a step, utterances of 7 to 29 steps (Japanese Vowels, UCI).
//
// node examples/speakers.mjs [--data folder with JapaneseVowels_TRAIN.ts and _TEST.ts] [--quick]
import path from 'node:path'
import { readTs } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, makeFolds, printResult, runRecipe } from './lib/recipe.mjs'

const block = { outChannels: 96, kernelSize: 5, norm: 'batch', dropout: 0.2 } // a convolution over time
const augment = { noise: 0.1, timeCrop: 0.3, shorten: true }
const common = { epochs: 80, learningRate: 3e-3, labelSmoothing: 0.1, augment }
const candidates = {
  LSTM: { ...common, lstm: { hiddenSize: 64, bidirectional: true } },
  GRU: { ...common, lstm: { cell: 'gru', hiddenSize: 96, bidirectional: true } },
}
const bar = 0.985
const published = 'MLSTM-FCN 1.00, FCN .993, LSTM-FCN .99, Time-CNN .956'

await runProgram(import.meta.url, {}, async (options) => {
  const folder = findData(options, 'japanese-vowels')
  if (folder === undefined) return
  const part = async (name) => readTs(path.join(folder, `JapaneseVowels_${name}.ts`))
  const [{ classes, samples: train }, { samples: test }] = [await part('TRAIN'), await part('TEST')]
  // The 30 utterances of each speaker stand in order. A fold holds out six that follow each other: harder than any six.
  const folds = makeFolds(train, 5, (index) => Math.floor((index % 30) / 6))
  const recipe = {
    batchSize: 16,
    candidates,
    model: {
      input: { features: 12 },
      classes,
      cnn: [block, block, block],
      pooling: 'mean',
      dropout: 0.5,
    },
  }
  const result = await runRecipe({ train, test, folds, recipe, options })
  printResult('Japanese Vowels, 9 speakers', result, { published, bar }, options)
})
