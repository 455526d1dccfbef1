import test from 'ava'
import { Subset, checkLeakage, split } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { seeded } from '../helpers/random'
import type { Dataset, LeakageOptions, LeakageReport, NdArray, Sample } from 'zoetrope'

const SHAPE = [12, 1, 24, 32] //      [time, channels, height, width]
const LENGTH = SHAPE.reduce((product, size) => product * size, 1)

/** A clip of three soft spots that wander over a background which all clips have. */
function clip(seed: number, change: (value: number, at: number) => number = (value) => value): Uint8Array {
  const random = seeded(seed + 1)
  const spots = Array.from({ length: 3 }, () => ({
    x: random(32),
    y: random(24),
    dx: random(5) - 2,
    dy: random(3) - 1,
  }))
  return Uint8Array.from({ length: LENGTH }, (_, at) => {
    const [x, y, time] = [at % 32, Math.floor(at / 32) % 24, Math.floor(at / 768)]
    const light = spots.map((spot) =>
      Math.exp(-((x - spot.x - time * spot.dx) ** 2 + (y - spot.y - time * spot.dy) ** 2) / 30),
    )
    return change(40 + y + 150 * Math.min(1, light[0]! + light[1]! + light[2]!), at)
  })
}

const samplesOf = (clips: readonly (Uint8Array | Float32Array)[], shape = SHAPE): Sample[] =>
  clips.map((data, index) => ({ input: { data, shape }, target: index % 2 }))
const seeds = (start: number, end: number): Uint8Array[] =>
  Array.from({ length: end - start }, (_, index) => clip(start + index))

const TRAIN = seeds(0, 60)

test('different clips are no leakage', async (t) => {
  const report = await checkLeakage({ train: samplesOf(TRAIN), test: samplesOf(seeds(60, 80)) })
  t.deepEqual(report, { isClean: true, groups: [], identical: [], nearIdentical: [] })
})

test('identical clips are refused with their indices, or reported', async (t) => {
  const splits = { train: samplesOf(TRAIN), test: samplesOf([clip(100), clip(7), clip(101), clip(31)]) }
  const error = await failsWith(t, 'ERR_DATA', () => checkLeakage(splits))
  t.is(
    error.message,
    'Expected splits that share nothing, received 2 identical clips (test[1] = train[7], test[3] = train[31]). ' +
      'With `allow: true` you get this as a report instead',
  )
  t.like(error.details, { groups: 0, identical: 2, nearIdentical: 0 })
  const report = await checkLeakage(splits, { allow: true })
  t.deepEqual(report, error.details.report as LeakageReport)
  t.deepEqual(report.identical[0], { first: { split: 'train', index: 7 }, second: { split: 'test', index: 1 } })
})

test('at most ten offenders are named, and all are counted', async (t) => {
  const error = await failsWith(t, 'ERR_DATA', () => checkLeakage({ a: samplesOf(TRAIN), b: samplesOf(TRAIN) }))
  t.regex(error.message, /received 60 identical clips \(b\[0\] = a\[0\], .*b\[9\] = a\[9\], and 50 more\)/)
  t.is((error.details.report as LeakageReport).identical.length, 60)
})

const noise = seeded(5)
const changes: [string, (value: number, at: number) => number][] = [
  ['brighter', (value) => value * 1.1 + 5],
  ['darker', (value) => value * 0.7],
  ['gamma', (value) => 255 * (value / 255) ** 0.9],
  ['noise', (value) => value + noise(21) - 10],
  ['fewer grey levels', (value) => Math.round(value / 16) * 16],
]
for (const [title, change] of changes) {
  test(`the same clip is near-identical: ${title}`, async (t) => {
    const splits = { train: samplesOf(TRAIN), test: samplesOf([clip(100), clip(12, change)]) }
    const { nearIdentical, identical } = await checkLeakage(splits, { allow: true })
    t.is(identical.length, 0)
    t.is(nearIdentical.length, 1)
    t.like(nearIdentical[0], { first: { split: 'train', index: 12 }, second: { split: 'test', index: 1 } })
    t.true(nearIdentical[0]!.distance! < 0.1)
    t.true((await checkLeakage(splits, { near: false })).isClean)
    const error = await failsWith(t, 'ERR_DATA', () => checkLeakage(splits))
    t.regex(error.message, /received 1 near-identical clips \(test\[1\] ≈ train\[12\]\)/)
  })
}

test('the same clip is near-identical: half the size', async (t) => {
  const whole = clip(12)
  const half = Uint8Array.from({ length: LENGTH / 4 }, (_, at) => {
    const from = Math.floor(at / 16) * 64 + (at % 16) * 2
    return (whole[from]! + whole[from + 1]! + whole[from + 32]! + whole[from + 33]!) / 4
  })
  const splits = { train: samplesOf(TRAIN), test: samplesOf([half], [12, 1, 12, 16]) }
  const { nearIdentical } = await checkLeakage(splits, { allow: true })
  t.deepEqual(
    nearIdentical.map(({ first }) => first.index),
    [12],
  )
})

test('what docs/data.md says is missed: a mirrored clip, and one that is cut elsewhere', async (t) => {
  const mirrored = Uint8Array.from(clip(12), (_, at, from = clip(12)) => from[at - (at % 32) + 31 - (at % 32)]!)
  const cut = Uint8Array.from(clip(12), (_, at, from = clip(12)) => from[(at + 3 * 768) % LENGTH]!)
  t.true((await checkLeakage({ train: samplesOf(TRAIN), test: samplesOf([mirrored, cut]) })).isClean)
})

test('floats, vectors, recordings and constant clips', async (t) => {
  const random = seeded(9)
  const vectors = Array.from({ length: 20 }, () => Float32Array.from({ length: 26 * 12 }, () => random(1000) / 500 - 1))
  const near = vectors[3]!.map((value) => value * 2 + 0.001)
  for (const shape of [[26, 12], [26, 12, 1, 1], [312], [1, 312], [12, 26, 1], [1, 1, 12, 26]]) {
    const splits = { train: samplesOf(vectors, shape), test: samplesOf([near], shape) }
    const { nearIdentical } = await checkLeakage(splits, { allow: true })
    t.deepEqual(
      nearIdentical.map(({ first }) => first.index),
      [3],
      `[${shape.join()}]`,
    )
  }
  const flat = [new Float32Array(312).fill(1), new Float32Array(312).fill(2), new Float32Array(312).fill(NaN)]
  const shape = [26, 12]
  t.true(
    (await checkLeakage({ train: samplesOf([...vectors, flat[0]!], shape), test: samplesOf(flat.slice(1), shape) }))
      .isClean,
  )
})

test('groups that are in two splits, by a function or by a list', async (t) => {
  const all = samplesOf(TRAIN)
  const recordings = all.map((_, index) => `recording ${Math.floor(index / 6)}`)
  const first = new Subset(
    all,
    Array.from({ length: 27 }, (_, index) => index),
  )
  const second = new Subset(
    all,
    Array.from({ length: 33 }, (_, index) => 27 + index),
  )
  for (const by of [recordings, (_: Sample, index: number) => recordings[index]!]) {
    const error = await failsWith(t, 'ERR_DATA', () => checkLeakage({ first, second }, { by, near: false }))
    t.regex(error.message, /received 1 groups in two splits \('recording 4': second\[0\] = first\[24\]\)/)
  }
  const parts = await split(all, { fractions: { train: 0.6, validation: 0.2, test: 0.2 }, by: recordings })
  t.true((await checkLeakage(parts, { by: recordings })).isClean)
})

test('property: the nearest is what comparing with every clip finds', async (t) => {
  const random = seeded(11)
  const make = (): Float32Array => Float32Array.from({ length: 256 }, () => random(1000))
  const base = Array.from({ length: 30 }, make)
  const blend = (index: number, share: number): Float32Array => {
    const other = make()
    return base[index]!.map((value, at) => value * (1 - share) + other[at]! * share)
  }
  const shape = [1, 16, 16]
  const tests = Array.from({ length: 60 }, (_, index) => blend(index % 30, (1 + random(99)) / 100))
  const splits = { train: samplesOf(base, shape), test: samplesOf(tests, shape) }
  const { nearIdentical } = await checkLeakage(splits, { near: 0.5, allow: true })
  const expected = bruteForce(base, tests, 0.5)
  t.deepEqual(
    nearIdentical.map(({ first, second }) => [first.index, second.index]),
    expected,
  )
  t.true(expected.length > 5 && expected.length < 55, `${expected.length} found`)
})

/** The documented distance, as plainly as it can be written; each clip is its own signature. */
function bruteForce(base: readonly Float32Array[], tests: readonly Float32Array[], threshold: number): number[][] {
  const standard = (values: Float32Array): number[] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / 256
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 256)
    return Array.from(values, (value) => (value - mean) / deviation)
  }
  const rows = [...base, ...tests].map(standard)
  const means = rows[0]!.map((_, column) => rows.reduce((sum, row) => sum + row[column]!, 0) / rows.length)
  const centred = rows.map((row) => row.map((value, column) => value - means[column]!))
  const length = (row: number[]): number => Math.hypot(...row)
  const distance = (left: number[], right: number[]): number =>
    length(left.map((value, column) => value - right[column]!)) / Math.sqrt(length(left) * length(right))
  return tests.flatMap((_, at) => {
    const distances = base.map((__, other) => distance(centred[base.length + at]!, centred[other]!))
    const least = Math.min(...distances)
    return least < threshold ? [[distances.indexOf(least), at]] : []
  })
}

test('progress counts the samples of all splits; a signal stops with its reason', async (t) => {
  const seen: number[] = []
  const splits = { train: samplesOf(TRAIN), test: samplesOf(seeds(60, 80)) }
  await checkLeakage(splits, { onProgress: ({ done, total }) => t.true(seen.push(done) > 0 && total === 80) })
  t.deepEqual(seen, [32, 60, 80])
  const reason = new Error('enough')
  t.is(await checkLeakage(splits, { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error), reason)
})

test('samples that are none, and a dataset that fails', async (t) => {
  const broken: Dataset = { length: 1, get: () => ({ input: untyped<NdArray>({ data: [1], shape: [1] }), target: 0 }) }
  const error = await failsWith(t, 'ERR_DATA', () => checkLeakage({ train: samplesOf(TRAIN), test: broken }))
  t.regex(error.message, /at index 0: Expected a Float32Array or Uint8Array/)
})

test('arguments are checked', async (t) => {
  const train = samplesOf(TRAIN.slice(0, 2))
  const call =
    (splits: unknown, options: unknown = {}) =>
    () =>
      checkLeakage(untyped<Record<string, Dataset>>(splits), untyped<LeakageOptions>(options))
  await refuses(t, TypeError, /^Expected an object for `splits`, received an array of length 2$/, call(train))
  await refuses(t, RangeError, /^Expected at least two splits for `splits`/, call({ train }))
  await refuses(t, TypeError, /for `splits.test`, received undefined$/, call({ train, test: undefined }))
  await refuses(t, TypeError, /^Unknown option `threshold`/, call({ train, test: train }, { threshold: 1 }))
  await refuses(t, RangeError, /for `near`, received 3$/, call({ train, test: train }, { near: 3 }))
  await refuses(t, TypeError, /for `allow`, received 1$/, call({ train, test: train }, { allow: 1 }))
  await refuses(t, RangeError, /^Expected a function, .* for `by`/, call({ train, test: [...train] }, { by: [1, 2] }))
})
