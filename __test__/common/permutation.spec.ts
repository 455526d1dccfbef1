import test from 'ava'
import { DataLoader } from 'zoetrope'
import type { Dataset } from 'zoetrope'

const numbered = (length: number): Dataset => ({
  length,
  get: (index) => ({ input: { data: Uint8Array.of(0), shape: [1, 1, 1] }, target: index }),
})

async function order(length: number, seed: number, epoch: number): Promise<number[]> {
  const loader = new DataLoader(numbered(length), { batchSize: Math.max(length, 1), shuffle: true, seed })
  loader.setEpoch(epoch)
  for await (const { targets } of loader) return [...targets]
  return []
}

test('the order is a pure function of seed and epoch, the same on every machine', async (t) => {
  t.deepEqual(await order(10, 0, 0), [9, 2, 5, 3, 1, 0, 7, 8, 4, 6])
  t.deepEqual(await order(10, 0, 1), [5, 7, 0, 2, 6, 1, 9, 4, 3, 8])
  t.deepEqual(await order(10, 1, 0), [6, 7, 1, 9, 2, 3, 5, 4, 8, 0])
  t.deepEqual(await order(10, 2 ** 53 - 1, 123), [6, 4, 9, 7, 3, 5, 2, 0, 1, 8])
})

test('every index comes once', async (t) => {
  for (const length of [1, 2, 3, 100, 4097]) {
    const indices = await order(length, 9, 4)
    t.is(indices.length, length)
    t.is(new Set(indices).size, length)
    t.is(Math.max(...indices), length - 1)
  }
})

test('every bit of the seed counts', async (t) => {
  const seeds = [0, 1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, 2 ** 53 - 1]
  const orders = await Promise.all(seeds.map(async (seed) => (await order(50, seed, 0)).join()))
  t.is(new Set(orders).size, seeds.length)
})

test('each of the 24 orders of four is as likely as the others', async (t) => {
  const counts = new Map<string, number>()
  const draws = 4800
  for (let epoch = 0; epoch < draws; epoch++) {
    const key = (await order(4, 42, epoch)).join()
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  t.is(counts.size, 24)
  const expected = draws / 24
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  t.true(chiSquare < 49.73, `chi-square ${chiSquare} with 23 degrees of freedom, of which 0.1% lie above 49.73`)
})
