// The next frames of moving digits: after five frames, the three that follow. See lib/motions.mjs for the four motions.
//
// node examples/next-frames.mjs [--epochs N] [--tiny] [--save strip.png]
import { writeFileSync } from 'node:fs'
import { Adam, CnnLstm, DataLoader, TensorDataset, fit, oneCycle, test } from 'zoetrope'

import { readMnist } from './lib/mnist.mjs'
import { canvas, makeClips, time } from './lib/motions.mjs'
import { greyPng } from './lib/png.mjs'
import { runProgram } from './lib/program.mjs'
import { meanAndDeviation, seeds } from './lib/recipe.mjs'

const horizon = 3
const batchSize = 16

await runProgram(import.meta.url, { epochs: 24 }, async (options) => {
  const count = options.tiny ? 64 : 2000
  const { inputs: trainClips } = makeClips((await readMnist('train', count)).inputs, 1)
  const { inputs: testClips } = makeClips((await readMnist('test', count)).inputs, 2) // digits that no training clip shows
  const trainSet = new TensorDataset({ inputs: trainClips }) // a clip's own next frames are its targets
  const testSet = new TensorDataset({ inputs: testClips })
  const shares = []
  for (const seed of options.tiny ? seeds.slice(0, 1) : seeds) {
    const model = await CnnLstm.create({
      input: { channels: 1, height: canvas, width: canvas },
      cnn: [{ outChannels: 16 }, { outChannels: 32 }, { outChannels: 64 }],
      lstm: { hiddenSize: 384 },
      head: { kind: 'forecast', horizon, mode: 'recursive', loss: 'bce' },
      device: options.device,
      seed,
    })
    try {
      await fit(model, {
        train: new DataLoader(trainSet, { batchSize, shuffle: true, seed }),
        epochs: options.epochs,
        optimizer: new Adam(model, { learningRate: 3e-3, schedule: oneCycle() }),
        clipNorm: 1,
        signal: options.signal,
        onEpoch: ({ epoch, train: { loss, seconds } }) => {
          console.log(`  epoch ${epoch}: loss ${loss.toFixed(4)}, ${seconds.toFixed(0)} s`)
        },
      })
      const { rmse, mae, byStep, persistence } = await test(model, new DataLoader(testSet, { batchSize }))
      const steps = byStep.map((step) => step.rmse.toFixed(4)).join(', ')
      console.log(`seed ${seed}: rmse ${rmse.toFixed(4)} (by frame ${steps}), mae ${mae.toFixed(4)}`)
      console.log(`        persistence: rmse ${persistence.rmse.toFixed(4)}, mae ${persistence.mae.toFixed(4)}`)
      shares.push(rmse / persistence.rmse)
      if (options.save && seed === seeds[0]) writeFileSync(options.save, await strip(model, testClips))
    } finally {
      await model.dispose()
    }
  }
  const { mean, deviation } = meanAndDeviation(shares)
  console.log(`\nError over persistence's: ${mean.toFixed(3)} ± ${deviation.toFixed(3)} (${shares.length} seeds)`)
  if (mean < 0.5 || options.tiny) return
  console.log('Misses the bar of .5')
  process.exitCode = 1
})

/** Eight clips as a PNG: of each the frames as they were, and below them the last `horizon` as the model has them. */
async function strip(model, { data }) {
  const [clips, gap] = [8, 2]
  const frame = canvas * canvas
  const read = time - horizon
  const contexts = new Uint8Array(clips * read * frame)
  for (let clip = 0; clip < clips; clip++) {
    const begin = clip * time * frame
    contexts.set(data.subarray(begin, begin + read * frame), clip * read * frame)
  }
  const forecast = await model.forecast({ data: contexts, shape: [clips, read, 1, canvas, canvas] })
  const [width, height] = [time * (canvas + gap), clips * 2 * (canvas + gap)]
  const pixels = new Uint8Array(width * height).fill(64)
  const draw = (row, column, value) => {
    for (let at = 0; at < frame; at++) {
      const [y, x] = [Math.floor(at / canvas), at % canvas]
      pixels[(row * (canvas + gap) + y) * width + column * (canvas + gap) + x] = value(at)
    }
  }
  for (let clip = 0; clip < clips; clip++) {
    for (let at = 0; at < time; at++) {
      draw(2 * clip, at, (pixel) => data[(clip * time + at) * frame + pixel])
      if (at < read) continue
      const begin = (clip * horizon + at - read) * frame
      draw(2 * clip + 1, at, (pixel) => 255 * forecast.data[begin + pixel])
    }
  }
  return greyPng(pixels, width, height)
}
