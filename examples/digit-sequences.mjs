// Clips of handwritten digits into strings: the digits in reverse, and in ascending order. `node examples/digit-sequences.mjs`
//
// A clip shows 1 to 8 digits, one in each frame. A model can answer right only if it looks at the frames in another order
// than theirs: what attention and a decoder are for. Two figures for each task:
//
// - New strings of known digits. Training and test have different strings, of the same images. What is measured is order.
// - New strings of new digits, of MNIST's test part. A string of 8 is right only where all 8 digits are recognised.
import { AdamW, CnnLstm, DataLoader, TensorDataset, fit, oneCycle, test } from 'zoetrope'

import { readMnist } from './lib/mnist.mjs'
import { runProgram } from './lib/program.mjs'
import { seededRandom } from './lib/random.mjs'
import { meanAndDeviation, printResult, seeds } from './lib/recipe.mjs'
import { percent } from './lib/report.mjs'

const MOST_DIGITS = 8
const TASKS = {
  reversal: (digits) => digits.toReversed(),
  sorting: (digits) => digits.toSorted(),
}

/** `count` clips of random digits, and what is to be written for each. */
function drawClips({ inputs, targets: labels }, count, answer, seed) {
  const random = seededRandom(seed)
  const [images, , height, width] = inputs.shape
  const size = height * width
  const data = new Uint8Array(count * MOST_DIGITS * size)
  const lengths = new Int32Array(count)
  const targets = []
  for (let clip = 0; clip < count; clip++) {
    lengths[clip] = 1 + Math.floor(random() * MOST_DIGITS)
    const chosen = Array.from({ length: lengths[clip] }, () => Math.floor(random() * images))
    for (const [frame, image] of chosen.entries()) {
      data.set(inputs.data.subarray(image * size, (image + 1) * size), (clip * MOST_DIGITS + frame) * size)
    }
    targets.push(answer(chosen.map((image) => labels[image])))
  }
  return new TensorDataset({ inputs: { data, shape: [count, MOST_DIGITS, 1, height, width] }, lengths, targets })
}

/** Trains on one task with one seed; the shares of exact strings, of known digits and of new ones. */
async function learn({ known, unseen, task, seed, options }) {
  const clips = options.quick ? 256 : 32_000
  const model = await CnnLstm.create({
    input: { channels: 1, height: 28, width: 28 },
    numClasses: 10,
    cnn: [{ outChannels: 16 }, { outChannels: 32 }],
    projection: 64,
    lstm: { hiddenSize: 64, bidirectional: true },
    head: { kind: 'sequence', maxLength: MOST_DIGITS, hiddenSize: 128 },
    device: options.device,
    seed,
  })
  try {
    await fit(model, {
      train: new DataLoader(drawClips(known, clips, TASKS[task], 1), { batchSize: 64, shuffle: true, seed }),
      epochs: options.quick ? 1 : options.epochs,
      optimizer: new AdamW(model, { learningRate: 3e-3, weightDecay: 1e-2, schedule: oneCycle({ pctStart: 0.2 }) }),
      clipNorm: 1,
      signal: options.signal,
    })
    const shares = []
    for (const [digits, drawing] of [
      [known, 2],
      [unseen, 3],
    ]) {
      const strings = drawClips(digits, options.quick ? 64 : 2000, TASKS[task], drawing)
      shares.push((await test(model, new DataLoader(strings, { batchSize: 100 }), { signal: options.signal })).accuracy)
    }
    const shown = drawClips(unseen, 1, TASKS[task], 4).get(0)
    const clip = { data: shown.input.data, shape: [1, ...shown.input.shape] }
    const [{ text }] = await model.generate(clip, { strategy: 'beam', beams: 4 })
    console.log(`${task}, seed ${seed}: ${shares.map(percent).join(', ')}; wrote ${text} for ${shown.target.join('')}`)
    return shares
  } finally {
    await model.dispose()
  }
}

await runProgram(import.meta.url, { epochs: 6 }, async (options) => {
  const known = await readMnist('train', options.quick ? 200 : 5000)
  const unseen = await readMnist('test', options.quick ? 200 : 10_000)
  for (const task of Object.keys(TASKS)) {
    const runs = []
    for (const seed of options.quick ? seeds.slice(0, 1) : seeds) {
      runs.push(await learn({ known, unseen, task, seed, options }))
    }
    const [ofKnown, ofNew] = [0, 1].map((which) => meanAndDeviation(runs.map((shares) => shares[which])))
    const published = 'none known'
    printResult(`${task}, exact strings of known digits`, ofKnown, { published, bar: 0.99 }, options)
    printResult(`${task}, exact strings of new digits`, ofNew, { published: 'none known', bar: 0 }, options)
  }
})
