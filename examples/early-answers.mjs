// How early can a spoken digit be told? A one-directional LSTM over log-mel frames answers after every frame.
//
// The program trains on whole recordings, draws the accuracy after each tenth of the test recordings, and then streams
// one of them, frame by frame. Nothing looks ahead: recordings are not scaled by their loudest sample, nor centred.
//
// node examples/early-answers.mjs [--data folder of digit_speaker_index.wav] [--save curve.svg] [--quick]
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  AdamW,
  CnnLstm,
  DataLoader,
  Subset,
  accuracyByFrames,
  accuracySvg,
  fit,
  logMel,
  normalization,
  oneCycle,
  readWav,
} from 'zoetrope'

import { runProgram } from './lib/program.mjs'
import { findData, meanAndDeviation, seeds } from './lib/recipe.mjs'
import { percent } from './lib/report.mjs'

const mels = 40
const poolings = ['last', 'mean', 'attention']

await runProgram(import.meta.url, {}, async (options) => {
  const folder = findData(options, 'free-spoken-digits', 'recordings')
  if (folder === undefined) return
  const recordings = await readRecordings(folder, options)
  const part = (isIn) => {
    const indices = recordings.flatMap(({ index }, at) => (isIn(index) ? [at] : []))
    return new Subset(recordings, indices)
  }
  const pooling = await choosePooling(part, options)

  const test = part((index) => index < 5)
  const curves = []
  for (const seed of options.quick ? seeds.slice(0, 1) : seeds) {
    const model = await learn(
      part((index) => index >= 5),
      { pooling, seed },
      options,
    )
    curves.push(await accuracyByFrames(model, test, { batchSize: 100, signal: options.signal }))
    if (curves.length === 1) await listen(model, await test.get(0))
    await model.dispose()
  }
  const means = curves[0].map(({ share }, at) => {
    const { mean, deviation } = meanAndDeviation(curves.map((curve) => curve[at].accuracy))
    console.log(`after ${Math.round(100 * share)} % of a recording: ${mean.toFixed(3)} ± ${deviation.toFixed(3)}`)
    return { ...curves[0][at], accuracy: mean }
  })
  if (options.save !== undefined) {
    await writeFile(options.save, accuracySvg(means, { title: 'Spoken digits: how early' }))
    console.log(`The curve is in ${options.save}`)
  }
})

/** The pooling with the best mean accuracy over all tenths of the recordings that are held out of the training part. */
async function choosePooling(part, options) {
  let best
  for (const pooling of options.quick ? poolings.slice(0, 1) : poolings) {
    const model = await learn(
      part((index) => index >= 10),
      { pooling, seed: 0 },
      options,
    )
    const heldOut = part((index) => index >= 5 && index < 10)
    const curve = await accuracyByFrames(model, heldOut, { batchSize: 100, signal: options.signal })
    await model.dispose()
    const { mean } = meanAndDeviation(curve.map(({ accuracy }) => accuracy))
    console.log(`  ${pooling}: ${percent(mean)} over all tenths, ${percent(curve.at(-1).accuracy)} at the end`)
    if (best === undefined || mean > best.mean) best = { pooling, mean }
  }
  console.log(`Chosen: ${best.pooling}`)
  return best.pooling
}

async function learn(train, { pooling, seed }, { quick, device, signal }) {
  const model = await CnnLstm.create({
    input: { features: mels },
    classes: ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
    projection: 64,
    lstm: { hiddenSize: 128 },
    pooling,
    dropout: 0.3,
    normalize: await normalization(train),
    device,
    seed,
  })
  await fit(model, {
    train: new DataLoader(train, {
      batchSize: 32,
      shuffle: true,
      bucketByLength: true,
      seed,
      augment: { noise: 0.2, timeStretch: 0.1, dropFrames: 0.1 },
    }),
    epochs: quick ? 1 : 15,
    optimizer: new AdamW(model, { learningRate: 4e-3, schedule: oneCycle({ pctStart: 0.2, finalDivFactor: 40 }) }),
    loss: { labelSmoothing: 0.1 },
    clipNorm: 1,
    signal,
  })
  return model
}

/** Streams one recording, and prints each answer that differs from the one before. */
async function listen(model, { input, target }) {
  const [frames, features] = input.shape
  console.log(`Listening to "${model.classes[target]}", ${frames} frames:`)
  const stream = model.stream()
  let before
  for (let frame = 0; frame < frames; frame++) {
    const data = input.data.subarray(frame * features, (frame + 1) * features)
    const { label, index, probabilities } = await stream.push({ data, shape: [features] })
    if (label !== before) console.log(`  from frame ${frame + 1}: ${label}, ${percent(probabilities[index])}`)
    before = label
  }
  await stream.dispose()
}

/** Log-mel frames of every recording. */
async function readRecordings(folder, { quick }) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wav')).toSorted()
  const wanted = quick ? names.filter((name) => Number(/_(\d+)\.wav$/.exec(name)?.[1]) < 12) : names
  return Promise.all(
    wanted.map(async (name) => {
      const [digit, , index] = path.basename(name, '.wav').split('_')
      const input = await logMel(await readWav(path.join(folder, name)), { mels, floor: 1e-5 })
      return { input, target: Number(digit), index: Number(index) }
    }),
  )
}
