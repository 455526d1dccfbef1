// Connected digits: 2 to 5 recordings of one speaker of the Free Spoken Digit Dataset in a row, silence between, as log-mel
// frames. The model says which digits were spoken; nobody tells it when. By the official split: lines of the training part
// are of its recordings alone, each heard at a speed of its own.
//
// node examples/connected-digits.mjs [--data folder of digit_speaker_index.wav] [--quick]
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { logMel, readWav } from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { seededRandom } from './lib/random.mjs'
import { findData, printResult, runRecipe } from './lib/recipe.mjs'
import { asLoud, centred, faster } from './lib/recording.mjs'

const mels = 40
const hopLength = 160 //           20 ms at 8 kHz: about 21 frames for a digit
const quietest = 1e-5
const common = { learningRate: 2e-3, clipNorm: 1, augment: { noise: 0.2 } }
const candidates = { short: { ...common, epochs: 8 }, longer: { ...common, epochs: 14 } }

await runProgram(import.meta.url, {}, async (options) => {
  const task = await connectedDigits(options)
  if (task === undefined) return
  const result = await runRecipe({ ...task, options })
  const published = { published: 'none: lines of this data set are not a benchmark', most: 0.04 }
  printResult('Connected digits, share of wrong digits', result, published, options)
})

/** The lines, `{ train, test, folds }`, and the `recipe`; `undefined`, with the reason printed, where there are no recordings. */
export async function connectedDigits(options) {
  const folder = findData(options, 'free-spoken-digits', 'recordings')
  if (folder === undefined) return undefined
  const recordings = await readRecordings(folder, options)
  const lines = (isIn, count, settings) => drawLines(recordings.filter(isIn), options.quick ? 40 : count, settings)
  const varied = { slowest: 0.85, fastest: 1.15 }
  console.log('The official split: index 0 to 4 is the test part')
  return {
    train: await lines(({ index }) => index >= 5, 6000, { ...varied, seed: 1 }),
    test: await lines(({ index }) => index < 5, 600, { seed: 2 }),
    folds: [
      {
        train: await lines(({ index }) => index >= 10, 5000, { ...varied, seed: 3 }),
        validation: await lines(({ index }) => index >= 5 && index < 10, 600, { seed: 4 }),
      },
    ],
    recipe: {
      metric: 'cer',
      batchSize: 32,
      bucketByLength: true,
      model: {
        input: { features: mels },
        numClasses: 10,
        head: 'ctc',
        cnn: [
          { outChannels: 64, kernelSize: 5, norm: 'batch' },
          { outChannels: 64, kernelSize: 5, norm: 'batch' },
        ],
        lstm: { hiddenSize: 96, bidirectional: true },
        dropout: 0.5,
      },
      candidates,
    },
  }
}

async function readRecordings(folder, { quick }) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wav')).toSorted()
  const wanted = quick ? names.filter((name) => Number(/_(\d+)\.wav$/.exec(name)?.[1]) < 12) : names
  return Promise.all(
    wanted.map(async (name) => {
      const [digit, speaker, index] = path.basename(name, '.wav').split('_')
      return {
        sound: asLoud(await readWav(path.join(folder, name))),
        digit: Number(digit),
        speaker,
        index: Number(index),
      }
    }),
  )
}

/** So many lines, `{ input: [time, mels], target: digits }`, drawn from recordings: a pure function of the seed. */
async function drawLines(recordings, count, { seed, slowest = 1, fastest = 1 }) {
  const random = seededRandom(seed)
  const speakers = [...new Set(recordings.map(({ speaker }) => speaker))]
  const bySpeaker = speakers.map((name) => recordings.filter(({ speaker }) => speaker === name))
  const draw = (list) => list[Math.floor(random() * list.length)]
  const between = (least, most) => least + random() * (most - least)
  const lines = []
  for (let line = 0; line < count; line++) {
    const own = draw(bySpeaker)
    const spoken = Array.from({ length: Math.floor(between(2, 6)) }, () => draw(own))
    const { sampleRate } = spoken[0].sound
    const silence = () => new Float32Array(Math.round(sampleRate * between(0.05, 0.4)))
    const sounds = spoken.flatMap(({ sound }) => [silence(), faster(sound, between(slowest, fastest)).data])
    const data = joined([...sounds, silence()])
    const frames = await logMel({ data, shape: [1, data.length], sampleRate }, { mels, hopLength, floor: quietest })
    lines.push({ input: centred(frames), target: spoken.map(({ digit }) => digit) })
  }
  return lines
}

function joined(parts) {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
