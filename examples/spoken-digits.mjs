// Spoken digits (Free Spoken Digit Dataset): recordings of .14 to 2.28 s as log-mel frames, of their own length.
// Twice: by the official split, in which every speaker is on both sides, and with the speaker `theo` held out.
//
// What is trained on is heard at several speeds. That moves pitch and formants too: other voices.
//
// node examples/spoken-digits.mjs [--data folder of digit_speaker_index.wav] [--quick]
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { Subset, logMel, readWav } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, printResult, runRecipe } from './lib/recipe.mjs'
import { asLoud, centred, faster } from './lib/recording.mjs'

const mels = 40
const speeds = [0.85, 1, 1.15]
const quietest = 1e-5 //           of a band's power, beside a recording's loudest sample: what is below is noise
const augment = { noise: 0.2, timeStretch: 0.1, dropFrames: 0.1, shorten: true }
const common = { epochs: 5, learningRate: 2e-3, labelSmoothing: 0.1 }
const augmented = { ...common, augment }
const candidates = {
  official: { augmented, 'augmented, longer': { ...augmented, epochs: 12 } },
  heldOut: { 'as they are': common, augmented },
}
const bars = { official: 0.985, heldOut: 0.75 }
const published = {
  official: 'a log-mel CNN-LSTM .987',
  heldOut: 'the same .68',
}

await runProgram(import.meta.url, {}, async (options) => {
  const folder = findData(options, 'free-spoken-digits', 'recordings')
  if (folder === undefined) return
  const recordings = await readRecordings(folder, options)
  const recipe = {
    batchSize: 32,
    bucketByLength: true,
    model: {
      input: { features: mels },
      numClasses: 10,
      cnn: [
        { outChannels: 64, kernelSize: 5, norm: 'batch' },
        { outChannels: 64, kernelSize: 5, norm: 'batch' },
      ],
      lstm: { hiddenSize: 96, bidirectional: true },
      pooling: 'mean',
      dropout: 0.5,
    },
  }
  const part = (isIn) => {
    const indices = recordings.flatMap((recording, index) => (isIn(recording) ? [index] : []))
    return new Subset(recordings, indices)
  }
  const asSpoken = (isIn) => part((recording) => recording.speed === 1 && isIn(recording))

  console.log('The official split: index 0 to 4 is the test part')
  const official = await runRecipe({
    train: part(({ index }) => index >= 5),
    test: asSpoken(({ index }) => index < 5),
    folds: [
      {
        train: part(({ index }) => index >= 10),
        validation: asSpoken(({ index }) => index >= 5 && index < 10),
      },
    ],
    recipe: { ...recipe, candidates: candidates.official },
    options,
  })

  console.log('\nThe speaker theo held out; chosen on two others held out in turn')
  const heldOut = await runRecipe({
    train: part(({ speaker }) => speaker !== 'theo'),
    test: asSpoken(({ speaker }) => speaker === 'theo'),
    folds: ['nicolas', 'jackson'].map((held) => ({
      train: part(({ speaker }) => speaker !== 'theo' && speaker !== held),
      validation: asSpoken(({ speaker }) => speaker === held),
    })),
    recipe: { ...recipe, candidates: candidates.heldOut },
    options,
  })
  printResult('Spoken digits, official split', official, { published: published.official, bar: bars.official }, options)
  printResult('Spoken digits, theo held out', heldOut, { published: published.heldOut, bar: bars.heldOut }, options)
})

/** Every recording at each of the speeds. */
async function readRecordings(folder, { quick }) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wav')).toSorted()
  const wanted = quick ? names.filter((name) => Number(/_(\d+)\.wav$/.exec(name)?.[1]) < 12) : names
  const recordings = await Promise.all(
    wanted.map(async (name) => {
      const [digit, speaker, index] = path.basename(name, '.wav').split('_')
      const recording = asLoud(await readWav(path.join(folder, name)))
      return Promise.all(
        speeds.map(async (speed) => {
          const input = centred(await logMel(faster(recording, speed), { mels, floor: quietest }))
          return { input, target: Number(digit), speaker, index: Number(index), speed }
        }),
      )
    }),
  )
  return recordings.flat()
}
