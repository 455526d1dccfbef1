// Who says /ae/? Nine speakers by 12 cepstrum coefficients a step, utterances of 7 to 29 steps (Japanese Vowels, UCI).
//
// node examples/speakers.mjs [--data folder with JapaneseVowels_TRAIN.ts and _TEST.ts] [--quick]
import path from 'node:path'
import { readTs, split } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, printResult, runRecipe } from './lib/recipe.mjs'

const augment = { noise: 0.05, timeCrop: 0.2, timeStretch: 0.1, dropFrames: 0.1, shorten: true }
const candidates = {
  'as they are': { epochs: 60, learningRate: 3e-3 },
  augmented: { epochs: 60, learningRate: 3e-3, augment },
  'augmented, longer': { epochs: 120, learningRate: 3e-3, augment },
}
const bar = 0.985
const published = 'MLSTM-FCN 1.00, FCN .993, LSTM-FCN .99, Time-CNN .956'

await runProgram(import.meta.url, {}, async (options) => {
  const folder = findData(options, 'japanese-vowels')
  if (folder === undefined) return
  const part = async (name) => readTs(path.join(folder, `JapaneseVowels_${name}.ts`))
  const [{ classes, samples: train }, { samples: test }] = [await part('TRAIN'), await part('TEST')]
  const choice = await split(train, { fractions: { train: 0.8, validation: 0.2 }, seed: 0 })
  const recipe = {
    batchSize: 16,
    candidates,
    model: {
      input: { features: 12 },
      classes,
      lstm: { hiddenSize: 64, bidirectional: true },
      pooling: 'mean',
      dropout: 0.3,
    },
  }
  const result = await runRecipe({ train, test, choice, recipe, options })
  printResult('Japanese Vowels, 9 speakers', result, { published, bar }, options)
})
