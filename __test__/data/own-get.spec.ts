import test from 'ava'
import {
  DataLoader,
  NpyDataset,
  Sgd,
  Subset,
  TensorDataset,
  checkLeakage,
  fit,
  split,
  test as evaluate,
  train,
} from 'zoetrope'
import { collect } from '../helpers/collect'
import { refuses } from '../helpers/expect'
import { movingDots, toyModel } from '../helpers/toy'
import { fileOf, npy } from '../helpers/files'
import type { Dataset, Sample } from 'zoetrope'

const COUNT = 12
const arrays = movingDots(COUNT)
const all = Array.from({ length: COUNT }, (_, index) => index)

/** Brightness turned round: clips that no look at the memory below shows. */
const changed = ({ input, target }: Sample): Sample => ({
  input: { data: Uint8Array.from(input.data, (value) => 255 - value), shape: input.shape },
  target,
})

class ChangedDataset extends TensorDataset {
  override get(index: number): Sample {
    return changed(super.get(index))
  }
}

class ChangedSubset extends Subset {
  override async get(index: number): Promise<Sample> {
    return changed(await super.get(index))
  }
}

class SameDataset extends TensorDataset {}

const plain = new TensorDataset(arrays)
const assigned = new TensorDataset(arrays)
assigned.get = (index: number) => changed(plain.get(index))
const trapped = new Proxy(plain, {
  get: (dataset, key) =>
    key === 'get' ? (index: number) => changed(dataset.get(index)) : (Reflect.get(dataset, key) as unknown),
})

const sources: Record<string, Dataset> = {
  'a class of its own': new ChangedDataset(arrays),
  'a subset of it': new Subset(new ChangedDataset(arrays), all),
  'a class of subsets': new ChangedSubset(plain, all),
  'a subset of such a subset': new Subset(new ChangedSubset(plain, all), all),
  'a get that was assigned': assigned,
  'a proxy': trapped,
}

for (const [name, source] of Object.entries(sources)) {
  test(`a get of its own is asked by loops, train, test and fit: ${name}`, async (t) => {
    const expected = all.map((index) => changed(plain.get(index)))
    const loader = (dataset: Dataset | Sample[]) => new DataLoader(dataset, { batchSize: 5, shuffle: true, seed: 2 })
    t.deepEqual(await collect(loader(source)), await collect(loader(expected)))
    const lossesOf = async (dataset: Dataset | Sample[]) => {
      await using model = await toyModel()
      const optimizer = new Sgd(model, { learningRate: 0.1 })
      const trained = await train(model, loader(dataset), { optimizer })
      const tested = await evaluate(model, loader(dataset))
      const history = await fit(model, { train: loader(dataset), epochs: 1, optimizer, audit: false })
      return [trained.loss, tested.loss, history[0]!.train.loss]
    }
    t.deepEqual(await lossesOf(source), await lossesOf(expected))
  })
}

test('a class that leaves get as it is trains from native memory all the same', async (t) => {
  const [batch] = await collect(new DataLoader(new SameDataset(arrays)))
  t.deepEqual(batch, (await collect(new DataLoader(plain)))[0])
})

test('a list of groups counts the samples of a subset with a get of its own, not those below', async (t) => {
  class Reversed extends Subset {
    override get(index: number): Sample | Promise<Sample> {
      return super.get(this.length - 1 - index)
    }
  }
  const part = new Reversed(plain, [0, 1, 2, 3])
  const options = { fractions: { a: 0.5, b: 0.5 }, stratify: false } as const
  await refuses(t, RangeError, /^Expected one group id for each of 4 samples for `by`/, async () =>
    split(part, { ...options, by: all }),
  )
  const { a } = await split(part, { ...options, by: ['x', 'x', 'y', 'y'] })
  t.is(a.length, 2)
  await refuses(t, RangeError, /splits are of different datasets/, async () =>
    checkLeakage({ a: part, b: new Subset(plain, [4, 5]) }, { by: all }),
  )
})

test('bucketByLength asks a subset with lengthOf of its own', async (t) => {
  class Told extends Subset {
    lengthOf(index: number): number {
      return this.length - index
    }
  }
  const batches = await collect(new DataLoader(new Told(plain, [0, 1, 2, 3]), { batchSize: 1, bucketByLength: true }))
  t.deepEqual(
    batches.map(({ targets }) => targets[0]),
    [3, 2, 1, 0].map((index) => arrays.targets[index]),
  )
})

test('classes to stratify by come from a get of its own, where a streamed dataset has one', async (t) => {
  const path = fileOf(npy('|u1', [4, 1, 1, 1], Uint8Array.of(0, 1, 2, 3)))
  await using dataset = await NpyDataset.open(path, { targets: [0, 0, 0, 0] })
  const get = dataset.get.bind(dataset)
  dataset.get = async (index) => ({ ...(await get(index)), target: index % 2 })
  const { a, b } = await split(dataset, { fractions: { a: 0.5, b: 0.5 }, stratify: true })
  for (const part of [a, b])
    t.deepEqual(
      [...part.indices].map((index) => index % 2).toSorted((x, y) => x - y),
      [0, 1],
    )
})
