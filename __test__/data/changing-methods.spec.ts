/** Datasets and iterables whose methods were there when they were checked, and are none when they are called. */
import test from 'ava'
import { DataLoader, Subset, balancedWeights, checkLeakage, normalization, split } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import type { DataSource, Dataset, Sample } from 'zoetrope'

const sample: Sample = { input: { data: Float32Array.of(1, 2), shape: [2] }, target: 0 }

/** An object whose property gives `later` from reading `after` + 1 on. */
function turning(base: object, key: PropertyKey, [first, later]: readonly unknown[], after: number): object {
  let reads = 0
  return Object.defineProperty({ ...base }, key, { get: () => (reads++ < after ? first : later) })
}

const uses: readonly [string, (dataset: Dataset) => unknown][] = [
  ['DataLoader', async (dataset) => collect(new DataLoader(dataset, { batchSize: 2 }))],
  ['Subset', async (dataset) => collect(new DataLoader(new Subset(dataset, [0, 1, 2, 3, 4, 5])))],
  ['normalization', async (dataset) => normalization(dataset)],
  ['balancedWeights', async (dataset) => balancedWeights(dataset)],
  ['split', async (dataset) => split(dataset, { fractions: { a: 0.5, b: 0.5 } })],
]

for (const [name, use] of uses) {
  test(`${name}: a get that becomes something else is ERR_DATA, and named`, async (t) => {
    for (const later of [7, 'x', {}, undefined, [], Object.create(null)]) {
      for (let after = 3; after < 6; after++) {
        const dataset = untyped<Dataset>(turning({ length: 6 }, 'get', [() => sample, later], after))
        const { message } = await failsWith(t, 'ERR_DATA', () => use(dataset))
        t.regex(message, /at index \d: .*Expected a function as `get` of the dataset, received /)
      }
    }
  })
}

test('a subset that is asked by hand says it too', async (t) => {
  const subset = new Subset(untyped<Dataset>(turning({ length: 6 }, 'get', [() => sample, 7], 2)), [5])
  const { message } = await failsWith(t, 'ERR_DATA', () => Array.from({ length: 9 }, () => subset.get(0)))
  t.is(message, 'Expected a function as `get` of the dataset, received 7')
})

test('a length that becomes something else is refused, or was read already', async (t) => {
  const good = { train: [sample], test: [sample, sample] }
  for (const later of [-1e39, NaN, 10n, '3', null, 2 ** 40, 2 ** 31]) {
    for (let after = 1; after < 6; after++) {
      const make = () => untyped<Dataset>(turning({ get: () => sample }, 'length', [3, later], after))
      for (const use of [
        async () => split(make(), { fractions: { a: 0.5, b: 0.5 } }),
        async () => split(make(), { fractions: { a: 0.5, b: 0.5 }, by: [0, 1, 2] }),
        async () => balancedWeights(make()),
        async () => checkLeakage({ ...good, other: make() }, { allow: true }),
      ]) {
        const error = await use().then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        if (error === undefined) t.pass()
        else t.regex(`${(error as Error).name}: ${(error as Error).message}`, /^(TypeError|RangeError): Expected /)
      }
    }
  }
})

test('a lengthOf that is no function is refused, and one that becomes something else is ERR_DATA', async (t) => {
  const open = (dataset: unknown) => collect(new DataLoader(untyped<Dataset>(dataset), { bucketByLength: true }))
  const base = { length: 6, get: () => sample }
  for (const lengthOf of [7, [NaN], null, 'x', undefined]) {
    await refuses(t, TypeError, /a dataset with `lengthOf`/, async () => open({ ...base, lengthOf }))
    const { message } = await failsWith(t, 'ERR_DATA', async () =>
      open(turning(base, 'lengthOf', [() => 1, lengthOf], 4)),
    )
    t.regex(message, /failed at index \d: Expected a function for `lengthOf`, received /)
  }
})

test('an async lengthOf is refused, and its rejection is not left unhandled', async (t) => {
  const lengthOf = async (): Promise<never> => Promise.reject(new Error('own'))
  const dataset = untyped<Dataset>({ length: 6, get: () => sample, lengthOf })
  await refuses(t, TypeError, /positive integer for `lengthOf\(0\)`, received an instance of Promise/, async () =>
    collect(new DataLoader(dataset, { bucketByLength: true })),
  )
})

test('get is called on its dataset', async (t) => {
  class Counted {
    readonly length = 3
    asked = 0
    get(): Sample {
      this.asked++
      return sample
    }
  }
  const dataset = new Counted()
  await collect(new DataLoader(new Subset(dataset, [0, 2])))
  await normalization(dataset)
  t.is(dataset.asked, 5)
})

test('an iterable or iterator that becomes something else is ERR_DATA', async (t) => {
  const next = () => ({ done: false, value: sample })
  const open = () => ({ next })
  const sources: readonly [unknown, RegExp][] = [
    [turning({}, Symbol.iterator, [open, 7], 1), /index 0: Expected an iterable of samples for `source`/],
    [turning({}, Symbol.asyncIterator, [open, null], 1), /index 0: Expected an iterable of samples for `source`/],
    [
      { [Symbol.iterator]: () => turning({}, 'next', [next, 7], 3) },
      /index 2: Expected a function for `next`, received 7/,
    ],
  ]
  for (const [source, expected] of sources) {
    const { message } = await failsWith(t, 'ERR_DATA', async () => collect(new DataLoader(untyped<DataSource>(source))))
    t.regex(message, expected)
  }
})
