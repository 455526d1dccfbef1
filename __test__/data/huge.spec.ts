import test from 'ava'
import { DataLoader, Subset, balancedWeights, checkLeakage, split } from 'zoetrope'
import { refuses } from '../helpers/expect'
import type { Dataset, DataLoaderOptions, Sample } from 'zoetrope'

/** As many samples as a dataset can have; a list of their numbers would take 8 GiB. */
const LENGTH = 2 ** 31 - 1
const MOST_BYTES = 2 ** 26

const sampleAt = (index: number): Sample => ({ input: { data: Uint8Array.of(0), shape: [1, 1, 1] }, target: index })
const huge: Dataset = { length: LENGTH, get: sampleAt, lengthOf: () => 1 }

async function firstOf(options: DataLoaderOptions, dataset = huge): Promise<number[]> {
  const before = process.memoryUsage().arrayBuffers
  for await (const { targets } of new DataLoader(dataset, { batchSize: 8, ...options })) {
    const grown = process.memoryUsage().arrayBuffers - before
    if (grown > MOST_BYTES) throw new Error(`Expected little memory, received ${grown} bytes`)
    return [...targets]
  }
  return []
}

test('the first batch of a huge dataset takes no list of all samples', async (t) => {
  t.deepEqual(await firstOf({}), [0, 1, 2, 3, 4, 5, 6, 7])
  t.deepEqual(await firstOf({ bucketByLength: true }), [0, 1, 2, 3, 4, 5, 6, 7])
  const mixed = await firstOf({ shuffle: true, seed: 3 })
  t.is(new Set(mixed).size, 8)
  t.true(mixed.every((index) => index >= 0 && index < LENGTH))
  t.deepEqual(await firstOf({ shuffle: true, seed: 3 }), mixed)
  t.notDeepEqual(await firstOf({ shuffle: true, seed: 4 }), mixed)
  t.is(new DataLoader(huge, { batchSize: 2 }).length, 2 ** 30)
})

test('a long order is a permutation, the same for the same seed, and mixed', async (t) => {
  const length = 2 ** 24 + 1 //                            the shortest whose order is computed index by index
  const seen = new Uint8Array(length)
  let [far, count, again] = [0, 0, 0]
  const loader = new DataLoader({ length, get: sampleAt }, { batchSize: 2 ** 14, shuffle: true, seed: 1, prefetch: 0 })
  for await (const { targets } of loader) {
    for (const index of targets) {
      if (seen[index]! > 0) again++
      seen[index] = 1
      if (Math.abs(index - count++) > length / 8) far++
    }
    if (count >= 2 ** 20) break
  }
  t.is(again, 0)
  // All places are of the first sixteenth: of even indices, an eighth above and a thirty-second below is near them.
  t.true(Math.abs(far / count - (1 - 1 / 8 - 1 / 32)) < 0.01, `${far / count}`)
})

test('what must list all samples refuses too many before anything is read, and says what to do', async (t) => {
  const unread: Dataset = { ...huge, get: () => t.fail('nothing may be read') }
  const few = /^Expected at most \d+ samples \(.+\) for `.*`, received \d+$/
  await refuses(t, RangeError, few, () => new DataLoader(unread, { bucketByLength: true, shuffle: true }))
  await refuses(t, RangeError, few, () => new DataLoader(unread, { batchSize: LENGTH }))
  await refuses(t, RangeError, few, async () => split(unread, { fractions: { a: 0.5, b: 0.5 } }))
  await refuses(t, RangeError, few, async () => balancedWeights(unread))
  await refuses(t, RangeError, few, async () => checkLeakage({ a: unread, b: [] }))
  await refuses(t, RangeError, few, async () => checkLeakage({ a: unread, b: [] }, { near: false }))
  await refuses(t, RangeError, /for `sampleWeights`/, () => new DataLoader(unread, { sampleWeights: [1, 2] }))
})

test('few samples of a huge dataset, and a large batch of few samples, are fine', async (t) => {
  t.deepEqual(await firstOf({ shuffle: true }, new Subset(huge, [LENGTH - 1])), [LENGTH - 1])
  t.deepEqual(await firstOf({ batchSize: LENGTH }, new Subset(huge, [5, 6])), [5, 6])
  const [before] = [process.memoryUsage().arrayBuffers]
  const sizes: number[] = []
  const iterable = new Set(Array.from({ length: 100 }, (_, index) => sampleAt(index)))
  for await (const { targets } of new DataLoader(iterable, { batchSize: LENGTH })) sizes.push(targets.length)
  t.deepEqual(sizes, [100])
  t.true(process.memoryUsage().arrayBuffers - before < MOST_BYTES)
})
