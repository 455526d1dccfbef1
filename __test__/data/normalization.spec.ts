import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { CnnLstm, Subset, TensorDataset, normalization } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { TOY_OPTIONS, movingDots, movingDotSamples, noise, toyModel } from '../helpers/toy'
import type { NdArray, NormalizeOptions, Sample } from 'zoetrope'

const close = (actual: number, expected: number): boolean =>
  Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected))

function moments(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) }
}

test('mean and deviation of each channel, whatever the source', async (t) => {
  const inputs = noise([7, 3, 2, 4, 4])
  const dataset = new TensorDataset({ inputs, targets: [0, 1, 0, 1, 0, 1, 0] })
  const samples: Sample[] = Array.from({ length: 7 }, (_, index) => dataset.get(index))
  const ofChannel = (channel: number) => [...inputs.data].filter((_, at) => Math.floor(at / 16) % 2 === channel)
  for (const source of [dataset, samples, new Set(samples)]) {
    const { mean, std } = await normalization(source)
    for (const channel of [0, 1]) {
      const expected = moments(ofChannel(channel))
      t.true(close(mean[channel]!, expected.mean) && close(std[channel]!, expected.std))
    }
  }
})

test('a subset counts alone: nothing of the test part leaks', async (t) => {
  const data = Float32Array.from({ length: 6 }, (_, index) => (index < 3 ? index : 1e6))
  const dataset = new TensorDataset({ inputs: { data, shape: [6, 1] }, targets: [0, 1, 0, 1, 0, 1] })
  const { mean, std } = await normalization(new Subset(dataset, [0, 1, 2]))
  t.true(close(mean[0]!, 1) && close(std[0]!, Math.sqrt(2 / 3)))
})

test('bytes count as 0…1, padding does not count, a constant feature has deviation 1', async (t) => {
  const bytes = new TensorDataset({ inputs: { data: Uint8Array.of(0, 255), shape: [2, 1, 1, 1] }, targets: [0, 1] })
  t.deepEqual(await normalization(bytes), { mean: [0.5], std: [0.5] })
  const ragged: Sample[] = [
    { input: { data: Float32Array.of(1, 7), shape: [1, 2] }, target: 0 },
    { input: { data: Float32Array.of(3, 7, 5, 7, 7, 7), shape: [3, 2] }, target: 1 },
  ]
  const { mean, std } = await normalization(ragged)
  t.deepEqual(mean, [4, 7])
  t.true(close(std[0]!, Math.sqrt(5)))
  t.is(std[1], 1)
})

test('large values that differ little keep their deviation', async (t) => {
  const data = Float32Array.from({ length: 1000 }, (_, index) => 1e6 + (index % 2))
  const dataset = new TensorDataset({ inputs: { data, shape: [1000, 1] }, targets: new Int32Array(1000) })
  t.true(close((await normalization(dataset)).std[0]!, 0.5))
})

test('a model normalises what it is given, and keeps how in its file', async (t) => {
  const normalize: NormalizeOptions = { mean: [0.25], std: [0.5] }
  await using model = await toyModel({ normalize })
  await using plain = await toyModel()
  const clips = noise([4, 6, 1, 8, 8])
  const byHand: NdArray = { data: clips.data.map((value) => (value - 0.25) / 0.5), shape: clips.shape }
  const logits = await model.logits(clips)
  const expected = await plain.logits(byHand)
  t.true(logits.data.every((value, at) => Math.abs(value - expected.data[at]!) < 1e-6))
  const { inputs } = movingDots(3)
  const scaled = { data: Float32Array.from(inputs.data, (value) => (value / 255 - 0.25) / 0.5), shape: inputs.shape }
  const [ofBytes, ofFloats] = [await model.logits(inputs), await plain.logits(scaled)]
  t.true(ofBytes.data.every((value, at) => Math.abs(value - ofFloats.data[at]!) < 1e-6))

  const folder = mkdtempSync(join(tmpdir(), 'zoetrope-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  await model.save(join(folder, 'model.safetensors'))
  await using again = await CnnLstm.load(join(folder, 'model.safetensors'), { device: 'cpu' })
  t.deepEqual(again.config.normalize, normalize)
  t.deepEqual(await again.logits(clips), logits)
})

test('values that are no numbers, and wrong options, are refused', async (t) => {
  const withNaN: Sample[] = [{ input: { data: Float32Array.of(1, NaN), shape: [1, 2] }, target: 0 }]
  const error = await failsWith(t, 'ERR_DATA', async () => normalization(withNaN))
  t.regex(error.message, /received 1 that are NaN or infinite in channel 1/)
  await failsWith(t, 'ERR_DATA', async () => normalization([]))
  const signal = AbortSignal.abort(new Error('enough'))
  await t.throwsAsync(async () => normalization(movingDotSamples(3), { signal }), { message: 'enough' })
  const make = (normalize: unknown) => async () =>
    CnnLstm.create({ ...TOY_OPTIONS, normalize: untyped<NormalizeOptions>(normalize) })
  await refuses(t, RangeError, /1 numbers, one a channel or feature for `normalize.mean`/, make({ mean: [], std: [1] }))
  await refuses(t, RangeError, /above 0 for `normalize.std\[0\]`, received 0$/, make({ mean: [0], std: [0] }))
  await refuses(t, TypeError, /for `normalize.std`, received undefined$/, make({ mean: [0] }))
  await refuses(t, RangeError, /for `normalize.mean\[0\]`, received NaN$/, make({ mean: [NaN], std: [1] }))
  await refuses(t, TypeError, /did you mean `normalize.std`/, make({ mean: [0], sdt: [1] }))
})
