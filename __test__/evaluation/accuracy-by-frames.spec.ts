/** Accuracy after each frame: that of a test on clips that are cut there. */
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, accuracyByFrames, fit, test as evaluate } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { VECTORS, padded, sequences } from '../helpers/sequences'
import { FRAMES, movingDotLoader, toyModel } from '../helpers/toy'
import type { AnyCnnLstm, Sample } from 'zoetrope'

const samples = sequences(23, ({ data }) => (data[0]! > 0.5 ? 1 : 0))

/** The samples cut to so many frames, as a test sees them. */
async function tested(model: AnyCnnLstm, cut: (length: number) => number) {
  const { clips, lengths } = padded(samples, 9, Number.NaN)
  const dataset = new TensorDataset({
    inputs: clips,
    lengths: lengths.map(cut),
    targets: samples.map(({ target }) => target as number),
  })
  return evaluate(model, new DataLoader(dataset, { batchSize: 8 }))
}

for (const [name, options] of Object.entries({
  last: { lstm: { hiddenSize: 8 } },
  'mean, GRU': { lstm: { hiddenSize: 8, cell: 'gru' }, pooling: 'mean' },
  max: { lstm: { hiddenSize: 8 }, pooling: 'max' },
  'attention, two layers': { lstm: { hiddenSize: 8, numLayers: 2 }, pooling: 'attention' },
  'both directions': { lstm: { hiddenSize: 8, bidirectional: true }, pooling: 'attention' },
  'convolution over time': { lstm: { hiddenSize: 8 }, cnn: [{ outChannels: 4 }] },
} as const)) {
  test(`each figure is that of a test on cut clips: ${name}`, async (t) => {
    await using model = await CnnLstm.create({ ...VECTORS, ...options, numClasses: 2 })
    for (const data of [samples, new DataLoader(samples, { batchSize: 5 })]) {
      const curve = await accuracyByFrames(model, data, { frames: [9, 1, 4] })
      t.deepEqual(
        curve.map(({ frames }) => frames),
        [9, 1, 4],
      )
      for (const { frames, accuracy, loss, correct, samples: count } of curve) {
        const expected = await tested(model, (length) => Math.min(length, frames!))
        t.is(accuracy, expected.accuracy)
        t.is(correct, Math.round(expected.accuracy * 23))
        t.is(count, 23)
        t.true(Math.abs(loss - expected.loss) < 1e-6)
      }
    }
    for (const { share, accuracy, loss } of await accuracyByFrames(model, samples, { shares: 4, batchSize: 7 })) {
      const expected = await tested(model, (length) => Math.max(1, Math.ceil(length * share! - 1e-6)))
      t.is(accuracy, expected.accuracy)
      t.true(Math.abs(loss - expected.loss) < 1e-6)
    }
  })
}

test('a model that has learned is right at the end, and guesses at the first frame', async (t) => {
  await using model = await toyModel()
  const train = movingDotLoader(256, { shuffle: true })
  await fit(model, { train, epochs: 20, optimizer: new Adam(model, { learningRate: 1e-2 }) })
  const curve = await accuracyByFrames(model, movingDotLoader(128, {}, 2), { frames: FRAMES })
  t.is(curve.length, FRAMES)
  t.true(curve[0]!.accuracy < 0.7, `${curve[0]!.accuracy}`) //    one frame does not tell which way a dot goes
  t.true(curve.at(-1)!.accuracy > 0.95, `${curve.at(-1)!.accuracy}`)
})

test('heads of other kinds: labels, numbers, and an answer for each frame', async (t) => {
  const [lstm, cut] = [{ hiddenSize: 8 }, 3]
  const of = (target: (sample: Sample) => Sample['target']): Sample[] =>
    samples.map((sample) => ({ input: sample.input, target: target(sample) }))
  const short = (input: Sample['input']): Sample['input'] => {
    const frames = Math.min(input.shape[0]!, cut)
    return { data: input.data.slice(0, frames * 3), shape: [frames, 3] }
  }
  const check = async (model: AnyCnnLstm, whole: Sample[], part: Sample[]): Promise<void> => {
    const [figures] = await accuracyByFrames(model, whole, { frames: [cut] })
    const expected = await evaluate(model, new DataLoader(part))
    t.is(figures!.accuracy, expected.accuracy)
    t.is(figures!.mae === undefined, expected.mae === undefined)
    t.true(Math.abs(figures!.loss - expected.loss) < 1e-6)
    t.true(Math.abs((figures!.rmse ?? 0) - (expected.rmse ?? 0)) < 1e-6)
  }
  await using labels = await CnnLstm.create({ ...VECTORS, lstm, numClasses: 2, head: 'multiLabel', pooling: 'mean' })
  const several = of(({ input }) => [input.data[0]! > 0.5 ? 1 : 0, 1])
  await check(
    labels,
    several,
    several.map(({ input, target }) => ({ input: short(input), target })),
  )
  await using numbers = await CnnLstm.create({ ...VECTORS, lstm, head: 'regression' })
  const values = of(({ input }) => input.data[0]!)
  await check(
    numbers,
    values,
    values.map(({ input, target }) => ({ input: short(input), target })),
  )
  await using frames = await CnnLstm.create({ ...VECTORS, lstm, numClasses: 2, head: { per: 'frame' } })
  const eachFrame = of(({ input }) => Array.from({ length: input.shape[0]! }, (_, time) => time % 2))
  await check(
    frames,
    eachFrame,
    eachFrame.map(({ input, target }) => ({ input: short(input), target: (target as number[]).slice(0, cut) })),
  )
})

test('label strings: at the end, those of a test; before it, strings that cannot be right yet', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, lstm: { hiddenSize: 8 }, numClasses: 2, head: 'ctc' })
  const strings = samples.map(({ input }) => ({ input, target: input.shape[0]! > 4 ? [1, 0] : [] }))
  const curve = await accuracyByFrames(model, strings, { frames: [1, 9] })
  const { cer, exact, accuracy, loss } = await evaluate(model, new DataLoader(strings))
  t.deepEqual([curve[1]!.cer, curve[1]!.exact, curve[1]!.accuracy], [cer, exact, accuracy])
  t.true(Math.abs(curve[1]!.loss - loss) < 1e-5)
  t.true(curve[0]!.cer! > 0)
  t.is(curve[0]!.loss, Infinity) //    no path of one frame reads as two labels
})

test('ten shares by default; the last is the whole clip', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 2 })
  const curve = await accuracyByFrames(model, samples, { progress: false })
  t.deepEqual(
    curve.map(({ share }) => share),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((tenth) => tenth / 10),
  )
  t.is(curve.at(-1)!.accuracy, (await tested(model, (length) => length)).accuracy)
})

test('wrong arguments, an abort, and a model that is gone', async (t) => {
  const model = await CnnLstm.create({ ...VECTORS, numClasses: 2 })
  const by = (options: unknown) => async () => accuracyByFrames(model, samples, untyped(options))
  await refuses(t, TypeError, /at most one of `frames` and `shares`/, by({ frames: 3, shares: 3 }))
  await refuses(t, TypeError, /for `frames`/, by({ frames: 'all' }))
  await refuses(t, RangeError, /for `frames\[1\]`/, by({ frames: [1, 0] }))
  await refuses(t, RangeError, /1 to 10000 numbers for `shares`/, by({ shares: [] }))
  await refuses(t, RangeError, /above 0 and up to 1 for `shares\[0\]`/, by({ shares: [1.5] }))
  await refuses(t, TypeError, /Unknown option `share`/, by({ share: 1 }))
  await refuses(t, TypeError, /a CnnLstm for `model`/, async () => accuracyByFrames(untyped({}), samples))
  const reason = new Error('enough')
  t.is(await t.throwsAsync(by({ signal: AbortSignal.abort(reason) })), reason)
  await model.dispose()
  await failsWith(t, 'ERR_DISPOSED', by({}))
})
