/** Real clips, where they lie beside the repository: `shared/data/README.md` there says what they are. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, fit } from 'zoetrope'
import { REPOSITORY } from '../helpers/child'
import { numpyPermutation } from '../helpers/numpy-random'
import { readNpz } from '../helpers/npz'
import type { ExecutionContext } from 'ava'
import type { ModelOptions } from 'zoetrope'
import type { NpyArray } from '../helpers/npz'

const DATA = join(REPOSITORY, '..', 'shared', 'data')

/** Declares the test, or says why it is skipped. */
function withFile(
  path: string[],
  title: string,
  run: (t: ExecutionContext, arrays: Map<string, NpyArray>) => Promise<void>,
) {
  const file = join(DATA, ...path)
  if (existsSync(file)) {
    test.serial(title, async (t) => run(t, readNpz(file)))
    return
  }
  test.serial(`skipped, ${path.at(-1)} is not beside the repository: ${title}`, (t) => {
    t.log(`put ${path.join('/')} into shared/data beside the repository`)
    t.pass()
  })
}

interface Clips {
  readonly data: Float32Array | Uint8Array
  readonly shape: readonly number[]
  readonly targets: readonly number[]
}

/** Clips of uint8 and their targets, each value put through `map`. */
function clipsOf(
  [inputs, targets]: (NpyArray | undefined)[],
  map: (clips: Uint8Array) => Float32Array | Uint8Array,
): Clips {
  if (!(inputs?.data instanceof Uint8Array) || targets === undefined) {
    throw new Error('Expected uint8 clips and targets')
  }
  return { data: map(inputs.data), shape: inputs.shape, targets: Array.from(targets.data, Number) }
}

function pick({ data, shape, targets }: Clips, indices: readonly number[]): Clips {
  const size = data.length / shape[0]!
  const picked = new Float32Array(indices.length * size)
  for (const [position, index] of indices.entries()) {
    picked.set(data.subarray(index * size, (index + 1) * size), position * size)
  }
  return { data: picked, shape: [indices.length, ...shape.slice(1)], targets: indices.map((index) => targets[index]!) }
}

const dataset = ({ data, shape, targets }: Clips): TensorDataset =>
  new TensorDataset({ inputs: { data, shape }, targets })

interface Run {
  readonly input: ModelOptions['input']
  readonly classes: readonly string[]
  readonly epochs: number
  readonly batchSize: number
  readonly training: Clips
  readonly testing: Clips
}

/** The last epoch's accuracy on the test clips, of a small model with Adam. */
async function finalAccuracy({ input, classes, epochs, batchSize, training, testing }: Run): Promise<number> {
  const cnn = [{ outChannels: 8 }, { outChannels: 16 }]
  await using model = await CnnLstm.create({ input, classes, cnn, lstm: { hiddenSize: 64 }, device: 'cpu', seed: 0 })
  const history = await fit(model, {
    train: new DataLoader(dataset(training), { batchSize, shuffle: true }),
    validation: new DataLoader(dataset(testing), { batchSize: 100 }),
    epochs,
    optimizer: new Adam(model, { learningRate: 3e-3 }),
  })
  return history.at(-1)!.validation!.accuracy
}

test('the Mersenne Twister of the helper is that of NumPy', (t) => {
  t.deepEqual(numpyPermutation(10, 0), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5])
})

// Chance is .25. One middle frame alone gives .68 by logistic regression, here .79 was seen.
withFile(
  ['grid-colour4', 'grid_s1_colour4.npz'],
  'lip-reading 4 colours from camera clips: above chance by .35',
  async (t, arrays) => {
    const standardised = (pixels: Uint8Array): Float32Array => Float32Array.from(pixels, (pixel) => (pixel - 149) / 50)
    const clips = clipsOf([arrays.get('X'), arrays.get('y')], standardised)
    const order = numpyPermutation(1000, 0)
    const accuracy = await finalAccuracy({
      input: { channels: 1, height: 32, width: 48 },
      classes: ['0', '1', '2', '3'],
      epochs: 6,
      batchSize: 16,
      training: pick(clips, order.slice(200)),
      testing: pick(clips, order.slice(0, 200)),
    })
    t.log(`accuracy ${accuracy} on 200 test clips`)
    t.true(accuracy >= 0.6, `accuracy ${accuracy}`)
  },
)

// Chance is .2, here .80 was seen. The test recordings are others than the training recordings.
withFile(
  ['radhar-small', 'radhar_small.npz'],
  '5 activities from radar clips: above chance by .4',
  async (t, arrays) => {
    const occupied = (counts: Uint8Array): Uint8Array => counts.map((count) => (count > 0 ? 255 : 0))
    const testing = clipsOf([arrays.get('Xte'), arrays.get('yte')], occupied)
    const accuracy = await finalAccuracy({
      input: { channels: 4, height: 16, width: 16 },
      classes: ['boxing', 'jack', 'jump', 'squats', 'walk'],
      epochs: 4,
      batchSize: 32,
      training: clipsOf([arrays.get('Xtr'), arrays.get('ytr')], occupied),
      testing,
    })
    t.log(`accuracy ${accuracy} on ${testing.targets.length} test clips`)
    t.true(accuracy >= 0.6, `accuracy ${accuracy}`)
  },
)
