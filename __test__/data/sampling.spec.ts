import test from 'ava'
import { DataLoader, Subset, TensorDataset, balancedWeights } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import type { DataLoaderOptions, Sample } from 'zoetrope'

const COUNT = 1000
/** Every tenth sample is of class 1; a sample's only value is its index. */
const samples: Sample[] = Array.from({ length: COUNT }, (_, index) => ({
  input: { data: Float32Array.of(index), shape: [1, 1, 1, 1] },
  target: Number(index % 10 === 0),
}))

async function drawnIn(loader: DataLoader): Promise<number[]> {
  return (await collect(loader)).flatMap(({ inputs }) => Array.from(inputs.data))
}

test('every sample is drawn as often as its weight says', async (t) => {
  const sampleWeights = samples.map((_, index) => index % 4)
  const loader = new DataLoader(samples, { sampleWeights, batchSize: 64 })
  const counts = [0, 0, 0, 0]
  for (let epoch = 0; epoch < 20; epoch++) {
    const indices = await drawnIn(loader)
    t.is(indices.length, COUNT)
    for (const index of indices) counts[index % 4]!++
  }
  t.is(counts[0], 0)
  const total = 20 * COUNT
  for (const weight of [1, 2, 3]) {
    const [share, expected] = [counts[weight]! / total, weight / 6]
    const deviation = Math.sqrt((expected * (1 - expected)) / total)
    t.true(Math.abs(share - expected) < 5 * deviation, `weight ${weight}: ${share}`)
  }
})

test('draws are a pure function of seed and epoch, with or without a TensorDataset', async (t) => {
  const sampleWeights = samples.map((_, index) => 1 + (index % 3))
  const inputs = { data: Float32Array.from(samples.keys()), shape: [COUNT, 1, 1, 1, 1] }
  const tensors = new TensorDataset({ inputs, targets: samples.map(({ target }) => Number(target)) })
  const loader = (source: TensorDataset | Sample[], seed = 0) => new DataLoader(source, { sampleWeights, seed })
  const [first, second] = [loader(samples), loader(tensors)]
  const epochs = [await drawnIn(first), await drawnIn(first)]
  t.deepEqual([await drawnIn(second), await drawnIn(second)], epochs)
  t.notDeepEqual(epochs[0], epochs[1])
  t.notDeepEqual(await drawnIn(loader(samples, 1)), epochs[0])
})

test('balanced weights have every class drawn equally often, also of a subset', async (t) => {
  const subset = new Subset(
    samples,
    Array.from({ length: 500 }, (_, index) => index),
  )
  const sampleWeights = await balancedWeights(subset)
  t.deepEqual(new Set(sampleWeights), new Set([1 / 50, 1 / 450]))
  const loader = new DataLoader(subset, { sampleWeights })
  let rare = 0
  for (let epoch = 0; epoch < 10; epoch++) for (const index of await drawnIn(loader)) rare += Number(index % 10 === 0)
  t.true(Math.abs(rare / 5000 - 0.5) < 0.04, `${rare}`)
})

test('a sample that is drawn twice in an epoch is augmented twice', async (t) => {
  const inputs = { data: new Uint8Array(4 * 16).fill(100), shape: [4, 1, 1, 4, 4] }
  const loader = new DataLoader(new TensorDataset({ inputs, targets: [0, 0, 0, 0] }), {
    sampleWeights: [0, 1, 0, 0],
    augment: { noise: 0.5 },
  })
  const [batch] = await collect(loader)
  const clips = Array.from({ length: 4 }, (_, clip) => batch!.inputs.data.slice(clip * 16, clip * 16 + 16).join())
  t.is(new Set(clips).size, 4)
})

test('wrong weights are refused', async (t) => {
  const make = (sampleWeights: unknown) => async () =>
    new DataLoader(samples.slice(0, 2), untyped<DataLoaderOptions>({ sampleWeights }))
  await refuses(t, TypeError, /an array of numbers for `sampleWeights`/, make('balanced'))
  await refuses(t, RangeError, /^Expected 2 weights, one a sample for `sampleWeights`/, make([1]))
  await refuses(t, RangeError, /at least 0 for `sampleWeights\[1\]`, received -1$/, make([1, -1]))
  await refuses(t, RangeError, /at least 0 for `sampleWeights\[0\]`, received NaN$/, make([NaN, 1]))
  await refuses(t, RangeError, /a weight above 0 for `sampleWeights`/, make([0, 0]))
  const stream = { *[Symbol.iterator]() {} }
  await refuses(t, TypeError, /to draw from for `source`/, async () => new DataLoader(stream, { sampleWeights: [] }))
  await failsWith(t, 'ERR_DATA', async () => balancedWeights([{ ...samples[0]!, target: Float32Array.of(1) }]))
})
