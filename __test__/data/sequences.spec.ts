import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, test as evaluate, train } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { FEATURES, VECTORS, clip, padded, sequences } from '../helpers/sequences'
import { movingDots, movingDotSamples, noise, toyModel } from '../helpers/toy'
import type { Batch, DataLoaderOptions, IntegerArray, Sample } from 'zoetrope'

const CLASSES = { classes: ['low', 'high'] } as const
const samples = sequences(30, (_, index) => index % 2)
const timeOf = ({ input }: Sample): number => input.shape[0]!

test('clips of different lengths are padded with zeros, and their lengths come along', async (t) => {
  const [batch] = await collect(new DataLoader(samples.slice(0, 4), { batchSize: 4 }))
  const { clips, lengths } = padded(samples.slice(0, 4), 8, 0)
  t.deepEqual(batch, {
    inputs: clips,
    lengths: Int32Array.from(lengths),
    targets: Int32Array.of(0, 1, 0, 1),
    targetShape: [4],
  })
})

test('clips of one length have no lengths', async (t) => {
  const [batch] = await collect(new DataLoader(movingDotSamples(3)))
  t.false('lengths' in batch!)
})

test('an answer depends on the clip alone: not on padding, NaN in it, or other clips', async (t) => {
  for (const pooling of ['last', 'mean', 'max', 'attention'] as const) {
    await using model = await CnnLstm.create({ ...VECTORS, ...CLASSES, pooling })
    const alone = []
    for (const { input } of samples) alone.push(...(await model.logits({ ...input, shape: [1, ...input.shape] })).data)
    for (const [time, padding] of [
      [9, 0],
      [9, NaN],
      [20, 1e30],
    ] as const) {
      const { clips, lengths } = padded(samples, time, padding)
      const { data } = await model.logits(clips, { lengths })
      for (const [at, value] of data.entries()) t.true(Math.abs(value - alone[at]!) < 1e-6, `${pooling} ${time}`)
    }
  }
})

test('every way of loading ragged clips gives the same losses', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, ...CLASSES })
  const { clips, lengths } = padded(samples, 11, NaN)
  const native = new TensorDataset({ inputs: clips, targets: samples.map(({ target }) => Number(target)), lengths })
  t.is(native.lengthOf(1), timeOf(samples[1]!))
  t.deepEqual(native.get(1), samples[1])
  const results = []
  for (const source of [native, samples, new Set(samples)]) {
    results.push(await evaluate(model, new DataLoader(source, { batchSize: 7 })))
  }
  for (const { loss, samples: count } of results) {
    t.true(Math.abs(loss - results[0]!.loss) < 1e-6)
    t.is(count, 30)
  }
})

async function lengthsOf(loader: DataLoader): Promise<number[][]> {
  const batches: Batch[] = await collect(loader)
  return batches.map(({ inputs, lengths }) => (lengths ? [...lengths] : Array(inputs.shape[0]).fill(inputs.shape[1]!)))
}

test('bucketByLength: every clip once, little padding, a pure function of seed and epoch', async (t) => {
  const many = Array.from({ length: 400 }, (_, index) => ({ input: clip(7 + ((index * 37) % 23), index), target: 0 }))
  const make = (options: DataLoaderOptions = {}) =>
    new DataLoader(many, { batchSize: 16, shuffle: true, bucketByLength: true, ...options })
  const loader = make()
  const [first, second] = [await lengthsOf(loader), await lengthsOf(loader)]
  t.notDeepEqual(first, second)
  t.deepEqual(await lengthsOf(make()), first)
  t.notDeepEqual(await lengthsOf(make({ seed: 1 })), first)
  const ascending = (lengths: number[]) => lengths.toSorted((a, b) => a - b)
  t.deepEqual(ascending(first.flat()), ascending(many.map(timeOf)))
  const waste = (batches: number[][]) =>
    batches.reduce((sum, batch) => sum + batch.length * Math.max(...batch), 0) / batches.flat().reduce((a, b) => a + b)
  t.true(waste(first) < 1.1, `bucketed ${waste(first)}`)
  t.true(waste(await lengthsOf(make({ bucketByLength: false }))) > 1.4)
  const short = await lengthsOf(make({ batchSize: 30, dropLast: true }))
  t.true(short.length === 13 && short.every((batch) => batch.length === 30))
})

test('bucketByLength needs lengths', async (t) => {
  const dataset = { length: 3, get: (index: number) => samples[index]! }
  const make =
    (bucketByLength: unknown, source: unknown = dataset) =>
    () =>
      new DataLoader(untyped<Sample[]>(source), untyped<DataLoaderOptions>({ bucketByLength }))
  await refuses(t, TypeError, /^Expected a dataset with `lengthOf` to bucket by length for `source`/, make(true))
  await refuses(t, RangeError, /for `bucketByLength.size`, received 0$/, make({ size: 0 }, samples))
  await refuses(t, TypeError, /^Expected a boolean or \{ size \} for `bucketByLength`, received 5$/, make(5, samples))
  const wrong = { ...dataset, lengthOf: () => 0 }
  await refuses(t, RangeError, /for `lengthOf\(0\)`, received 0$/, async () => collect(make(true, wrong)()))
})

test('wrong lengths are refused before anything is computed', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, ...CLASSES })
  const clips = noise([2, 4, FEATURES])
  const wrong: [unknown, typeof RangeError | typeof TypeError, RegExp][] = [
    [[0, 4], RangeError, /^Expected an integer from 1 to 4, the frames of the clips, for `lengths\[0\]`, received 0$/],
    [[4, -1], RangeError, /for `lengths\[1\]`, received -1$/],
    [[4, 5], RangeError, /for `lengths\[1\]`, received 5$/],
    [[1.5, 4], RangeError, /for `lengths\[0\]`, received 1.5$/],
    [[4], RangeError, /^Expected 2 lengths, one a clip, for `lengths`, received \[4\]$/],
    [['4', 4], TypeError, /for `lengths\[0\]`, received '4'$/],
    [4, TypeError, /^Expected an array of integers for `lengths`, received 4$/],
  ]
  for (const [lengths, type, message] of wrong) {
    await refuses(t, type, message, async () => model.predict(clips, { lengths: untyped<IntegerArray>(lengths) }))
  }
  await refuses(t, RangeError, /^Expected clips with an axis of time for `lengths`/, async () =>
    model.predict(noise([2, FEATURES]), { lengths: [1, 1] }),
  )
  const dataset = () => new TensorDataset({ inputs: clips, targets: [0, 1], lengths: [9, 1] })
  await refuses(t, RangeError, /for `lengths\[0\]`, received 9$/, dataset)
  t.is((await model.predict(clips, { lengths: Int32Array.of(1, 4) })).length, 2)
})

test('a clip whose target has another number of frames is named', async (t) => {
  await using tagger = await CnnLstm.create({ ...VECTORS, ...CLASSES, head: { per: 'frame' } })
  const wrong = samples.map(({ input }, index) => ({
    input,
    target: new Uint8Array(index === 2 ? 3 : input.shape[0]!),
  }))
  const optimizer = new Adam(tagger)
  const error = await failsWith(t, 'ERR_DATA', async () => train(tagger, new DataLoader(wrong), { optimizer }))
  t.regex(error.message, /^Expected a target for each of 6 frames, received 3 \(sample at index 2\)$/)
})

test('augmentation of ragged clips keeps them apart; it may not move frames from their targets', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, ...CLASSES })
  const loader = new DataLoader(samples, { augment: { noise: 0.1, timeCrop: 0.4 } })
  const [batch] = await collect(loader)
  t.true(samples.every((sample, index) => (batch!.lengths?.[index] ?? 9) <= timeOf(sample)))
  const trained = await train(model, loader, { optimizer: new Adam(model) })
  t.true(Number.isFinite(trained.loss))
  await using tagger = await CnnLstm.create({ ...VECTORS, ...CLASSES, head: { per: 'frame' } })
  const perFrame = sequences(6, ({ shape }) => new Uint8Array(shape[0]!))
  const moving = new DataLoader(perFrame, { augment: { timeCrop: 0.5 } })
  const error = await failsWith(t, 'ERR_DATA', async () => train(tagger, moving, { optimizer: new Adam(tagger) }))
  t.regex(error.message, /^Expected no timeCrop/)
})

test('frames of pixels come in different lengths too', async (t) => {
  await using model = await toyModel()
  const { inputs } = movingDots(4)
  const logits = await model.logits(inputs, { lengths: [6, 2, 1, 6] })
  const frame = inputs.data.length / 24
  const alone = { data: inputs.data.slice(6 * frame, 8 * frame), shape: [1, 2, 1, 8, 8] }
  const { data } = await model.logits(alone)
  for (const [at, value] of data.entries()) t.true(Math.abs(value - logits.data[2 + at]!) < 1e-6)
})
