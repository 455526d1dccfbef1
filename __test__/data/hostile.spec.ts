/** Objects that change their answers, arrays of another realm, iterables that are none: checked once, told in words. */
import { runInNewContext } from 'node:vm'
import test from 'ava'
import {
  DataLoader,
  Subset,
  TensorDataset,
  balancedWeights,
  checkLeakage,
  logMel,
  normalization,
  split,
} from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import type { DataLoaderOptions, DataSource, NdArray, Recording, Sample } from 'zoetrope'

const shape = [2, 2]
const data = Float32Array.of(1, 2, 3, 4)

/** An object whose property gives something else from the second time on. */
function turning<T extends object>(base: T, key: string, first: unknown, later: unknown): T {
  let reads = 0
  return Object.defineProperty({ ...base }, key, { enumerable: true, get: () => (reads++ === 0 ? first : later) })
}

test('an array that changes its answers is taken as it was checked', async (t) => {
  const arrays = [
    turning({ data, shape }, 'data', data, 'x'),
    turning({ data, shape }, 'shape', shape, ['a', NaN]),
    new Proxy({ data, shape }, {}),
    { data, shape: new Proxy(shape, {}) },
  ]
  for (const inputs of arrays) {
    t.deepEqual(new TensorDataset({ inputs, targets: [0, 1] }).get(1).input, {
      data: Float32Array.of(3, 4),
      shape: [2],
    })
  }
  const options = turning({ inputs: { data, shape }, targets: [0, 1] }, 'inputs', { data, shape }, null)
  t.is(new TensorDataset(options).length, 2)
  const samples = () => [turning({ input: { data, shape }, target: 1 }, 'input', { data, shape }, null)]
  const [batch] = await collect(new DataLoader(samples()))
  t.deepEqual(batch!.inputs, { data, shape: [1, 2, 2] })
  const frames = { data: new Float32Array(100), shape: [100], sampleRate: 8000 }
  t.deepEqual((await logMel(turning(frames, 'shape', [100], ['a', 2]))).shape, [2, 40])
})

test('options that change their answers are taken as they were checked', async (t) => {
  const samples: Sample[] = Array.from({ length: 4 }, (_, target) => ({ input: { data, shape }, target }))
  const sizes = async (options: DataLoaderOptions) =>
    (await collect(new DataLoader(samples, options))).map(({ targets }) => targets.length)
  t.deepEqual(await sizes(turning({}, 'batchSize', 3, 'x')), [3, 1])
  t.deepEqual(await sizes(turning({ batchSize: 2, shuffle: true }, 'bucketByLength', { size: 1 }, 'x')), [2, 2])
  t.deepEqual(await sizes(turning({ batchSize: 4 }, 'augment', { noise: 0.5 }, null)), [4])
  t.deepEqual(await sizes(turning({ batchSize: 4 }, 'sampleWeights', [1, 0, 0, 0], 7)), [4])
  t.deepEqual(await sizes(Object.create({ batchSize: 2 }) as DataLoaderOptions), [2, 2])
  const fractions = turning({ b: 0.5 }, 'a', 0.5, NaN)
  const { a } = await split(samples, turning({}, 'fractions', fractions, null) as never)
  t.is((a as Subset).length, 2)
})

interface Foreign {
  readonly floats: Float32Array
  readonly bytes: Uint8Array
  readonly list: number[]
  readonly shape: number[]
  readonly ints: Int32Array
  readonly weights: Float64Array
  readonly error: Error
  readonly recording: Float32Array
  readonly sizes: number[]
}

test('typed arrays and lists of another realm are taken', async (t) => {
  const foreign = runInNewContext(`({
    floats: new Float32Array([1, 2, 3, 4]), bytes: new Uint8Array([1, 2, 3, 4]), list: [1, 0], shape: [2, 2],
    ints: new Int32Array([1, 0]), weights: new Float64Array([1, 0]), error: new RangeError('of another realm'),
    recording: new Float32Array(100), sizes: [100],
  })`) as Foreign
  for (const values of [foreign.floats, foreign.bytes]) {
    for (const targets of [foreign.ints, foreign.list]) {
      const inputs: NdArray = { data: values, shape: foreign.shape }
      t.is(new TensorDataset({ inputs, targets }).get(0).target, 1)
      const sample = { input: inputs, target: targets }
      const [batch] = await collect(new DataLoader([sample, sample], { sampleWeights: foreign.weights }))
      t.deepEqual([...batch!.targets], [1, 0, 1, 0])
      t.deepEqual((await normalization([sample])).mean.length, 2)
    }
  }
  const inputs = { data: new Float32Array(6), shape: [2, 3, 1] }
  t.is(
    new TensorDataset({
      inputs,
      targets: [0, 1],
      lengths: foreign.ints.map((n: number) => n + 1),
    }).lengthOf(0),
    2,
  )
  t.deepEqual(
    [
      ...new Subset(
        [
          { input: { data, shape }, target: 0 },
          { input: { data, shape }, target: 0 },
        ],
        foreign.ints,
      ).indices,
    ],
    [1, 0],
  )
  t.deepEqual((await logMel({ data: foreign.recording, shape: foreign.sizes, sampleRate: 8000 })).shape, [2, 40])
  const failing = { length: 1, get: () => Promise.reject(foreign.error) }
  const error = await failsWith(t, 'ERR_DATA', async () => collect(new DataLoader(failing)))
  t.is(error.message, 'The dataset failed at index 0: of another realm')
})

test('a typed array cannot lie about its length', async (t) => {
  const liar = Object.defineProperty(new Float32Array(2), 'length', { value: 4 })
  await failsWith(t, 'ERR_SHAPE_MISMATCH', () => new TensorDataset({ inputs: { data: liar, shape }, targets: [0, 1] }))
})

test('iterables and iterators that are none, and samples without an input, are ERR_DATA', async (t) => {
  const sources: [unknown, RegExp][] = [
    [
      { [Symbol.iterator]: () => ({ next: () => undefined }) },
      /^Expected \{ done, value \} from .* at index 0, received undefined$/,
    ],
    [{ [Symbol.asyncIterator]: () => ({ next: async () => 7 }) }, /received 7$/],
    [
      { [Symbol.iterator]: () => undefined },
      /^Expected an iterator with `next` from the iterable .*received undefined$/,
    ],
    [{ [Symbol.iterator]: () => ({}) }, /received an object$/],
    [
      { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) },
      /^Expected \{ input, target \} .*received undefined$/,
    ],
    [{ [Symbol.iterator]: () => ({ next: () => ({ done: false }), return: 7 }) }, /^Expected \{ input, target \}/],
  ]
  for (const [source, message] of sources) {
    const error = await failsWith(t, 'ERR_DATA', async () => collect(new DataLoader(untyped<DataSource>(source))))
    t.regex(error.message, message)
  }
  await refuses(
    t,
    TypeError,
    /^Expected a dataset/,
    () => new DataLoader(untyped<DataSource>({ [Symbol.iterator]: 7 })),
  )
  const good = { input: { data, shape }, target: 0 }
  for (const bad of [
    { target: 1 },
    undefined,
    null,
    7,
    { input: { data }, target: 0 },
    { input: { data, shape: [9] }, target: 0 },
  ]) {
    for (const bucketByLength of [false, true]) {
      const samples = untyped<Sample[]>([good, bad])
      const error = await t.throwsAsync(async () => collect(new DataLoader(samples, { bucketByLength })))
      t.regex(
        `${(error as { code?: string }).code} ${error.message}`,
        /^ERR_(DATA|SHAPE_MISMATCH) (Expected|The dataset failed at index 1: Expected) .*/,
      )
    }
  }
})

test('nothing but undefined stands for an option that is left out', async (t) => {
  const samples: Sample[] = [{ input: { data, shape }, target: 0 }]
  const nothings = [null, false, 0, '']
  for (const nothing of nothings) {
    await refuses(t, TypeError, /for `augment`/, () => new DataLoader(samples, { augment: nothing as never }))
  }
  const without: [unknown, RegExp][] = [
    ...['crop', 'shift', 'flip', 'brightness', 'noise', 'erase', 'timeCrop', 'dropFrames', 'shorten'].map(
      (key): [unknown, RegExp] => [{ augment: { [key]: null } }, new RegExp(`for \`augment.${key}\`, received null$`)],
    ),
    [{ augment: { flip: { horizontal: null } } }, /for `augment.flip.horizontal`, received null$/],
    [{ augment: { shift: { x: null } } }, /for `augment.shift.x`, received null$/],
    [{ bucketByLength: null }, /for `bucketByLength`, received null$/],
    [{ bucketByLength: { size: null } }, /for `bucketByLength.size`, received null$/],
    ...['batchSize', 'shuffle', 'seed', 'dropLast', 'sampleWeights', 'prefetch'].map((key): [unknown, RegExp] => [
      { [key]: null },
      new RegExp(`for \`${key}\`, received null$`),
    ]),
  ]
  for (const [options, message] of without) {
    await refuses(t, TypeError, message, () => new DataLoader(samples, untyped<DataLoaderOptions>(options)))
  }
  const recording: Recording = { data: new Float32Array(10), shape: [10], sampleRate: 8000 }
  await refuses(t, TypeError, /for `sampleRate`, received null$/, async () =>
    logMel(recording, { sampleRate: null as never }),
  )
})

test('an async onProgress that rejects, or throws, ends the work with its error', async (t) => {
  const samples: Sample[] = Array.from({ length: 4 }, (_, index) => ({
    input: { data: Float32Array.of(index, 2, 3, 4), shape },
    target: index % 2,
  }))
  const own = new Error('the progress bar is gone')
  for (const onProgress of [
    async () => Promise.reject(own),
    () => {
      throw own
    },
  ]) {
    const calls = [
      async () => split(samples, { fractions: { a: 0.5, b: 0.5 }, onProgress }),
      async () => balancedWeights(samples, { onProgress }),
      async () => checkLeakage({ a: samples, b: samples }, { onProgress }),
    ]
    for (const call of calls) await t.throwsAsync(call, { is: own })
  }
  const controller = new AbortController()
  const hanging = async () => {
    controller.abort(own)
    return new Promise<never>(() => undefined)
  }
  await t.throwsAsync(async () => balancedWeights(samples, { onProgress: hanging, signal: controller.signal }), {
    is: own,
  })
})

test('a group that is a rejected promise is ERR_DATA, and no unhandled rejection', async (t) => {
  const samples: Sample[] = [0, 1].map((target) => ({ input: { data, shape }, target }))
  const by = untyped<() => string>(async () => Promise.reject(new Error('async')))
  await failsWith(t, 'ERR_DATA', async () => split(samples, { fractions: { a: 0.5, b: 0.5 }, by }))
})

test('amounts that would take values out of float32 are refused', async (t) => {
  const samples: Sample[] = [{ input: { data, shape }, target: 0 }]
  for (const key of ['noise', 'brightness', 'contrast']) {
    await refuses(
      t,
      RangeError,
      new RegExp(`for \`augment.${key}\``),
      () => new DataLoader(samples, { augment: { [key]: 1e308 } }),
    )
  }
})

test('a signal of another maker needs no more than a state, a reason and listeners', async (t) => {
  const samples: Sample[] = [{ input: { data, shape }, target: 0 }]
  const reason = new Error('of another maker')
  const nothing = () => undefined
  const signal = { aborted: true, reason, addEventListener: nothing, removeEventListener: nothing }
  const call = async (given: unknown) => balancedWeights(samples, { signal: given as AbortSignal })
  await t.throwsAsync(async () => call(signal), { is: reason })
  t.is((await call({ ...signal, aborted: false })).length, 1)
  const half = { aborted: false, addEventListener: nothing }
  await refuses(t, TypeError, /^Expected an AbortSignal for `signal`/, async () => call(half))
})
