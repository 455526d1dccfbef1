// Spoken digits (Free Spoken Digit Dataset): recordings of .14 to 2.28 s as log-mel frames, of their own length.
// Twice: by the official split, in which every speaker is on both sides, and with the speaker `theo` held out.
//
// node examples/spoken-digits.mjs [--data folder of digit_speaker_index.wav] [--quick]
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { Subset, logMel, readWav, split } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, printResult, runRecipe } from './lib/recipe.mjs'

const mels = 40
const augment = {
  shift: { y: 2 }, //             mel bands: another voice
  brightness: 1, //               another loudness: the logarithm makes it a sum
  contrast: 0.15,
  noise: 0.3,
  erase: 0.2, //                  some bands go missing
  timeStretch: 0.15,
  dropFrames: 0.1,
  shorten: true,
}
const candidates = {
  'as they are': { epochs: 10, learningRate: 2e-3 },
  augmented: { epochs: 10, learningRate: 2e-3, augment },
  'augmented, longer': { epochs: 20, learningRate: 2e-3, augment },
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
    candidates,
    model: {
      input: { channels: 1, height: mels, width: 1 }, // a column of bands: convolutions run along the frequency
      numClasses: 10,
      cnn: [
        { outChannels: 16, maxPool: null },
        { outChannels: 32, maxPool: null },
      ],
      lstm: { hiddenSize: 96, bidirectional: true },
      pooling: 'mean',
      dropout: 0.3,
    },
  }
  const subset = (isIn) => {
    const indices = recordings.flatMap((recording, index) => (isIn(recording) ? [index] : []))
    return new Subset(recordings, indices)
  }

  console.log('The official split: index 0 to 4 is the test part')
  const train = subset(({ index }) => index >= 5)
  const official = await runRecipe({
    train,
    test: subset(({ index }) => index < 5),
    choice: await split(train, { fractions: { train: 0.8, validation: 0.2 }, seed: 0 }),
    recipe,
    options,
  })

  console.log('\nThe speaker theo held out; chosen on another speaker held out of the others')
  const others = subset(({ speaker }) => speaker !== 'theo')
  const heldOut = await runRecipe({
    train: others,
    test: subset(({ speaker }) => speaker === 'theo'),
    choice: {
      train: subset(({ speaker }) => speaker !== 'theo' && speaker !== 'nicolas'),
      validation: subset(({ speaker }) => speaker === 'nicolas'),
    },
    recipe,
    options,
  })
  printResult('Spoken digits, official split', official, { published: published.official, bar: bars.official }, options)
  printResult('Spoken digits, theo held out', heldOut, { published: published.heldOut, bar: bars.heldOut }, options)
})

async function readRecordings(folder, { quick }) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wav')).toSorted()
  const wanted = quick ? names.filter((name) => Number(/_(\d+)\.wav$/.exec(name)?.[1]) < 12) : names
  return Promise.all(
    wanted.map(async (name) => {
      const [digit, speaker, index] = path.basename(name, '.wav').split('_')
      const input = centred(await logMel(await readWav(path.join(folder, name)), { mels }))
      return { input, target: Number(digit), speaker, index: Number(index) }
    }),
  )
}

/** Takes each band's mean over the recording away, and with it the microphone and the loudness. */
function centred({ data, shape: [time, bands] }) {
  for (let band = 0; band < bands; band++) {
    let sum = 0
    for (let frame = 0; frame < time; frame++) sum += data[frame * bands + band]
    for (let frame = 0; frame < time; frame++) data[frame * bands + band] -= sum / time
  }
  return { data, shape: [time, 1, bands, 1] }
}
