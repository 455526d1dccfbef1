import test from 'ava'
import { DataLoader, NpyDataset, Subset, TensorDataset, split } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { fileOf, npy } from '../helpers/files'
import { seeded } from '../helpers/random'
import { movingDots, movingDotSamples } from '../helpers/toy'
import type { Dataset, GroupId, Sample, SplitOptions } from 'zoetrope'

const ONE = { data: Uint8Array.of(0), shape: [1, 1, 1] }
const FRACTIONS = { train: 0.8, validation: 0.2 }

/** Samples of which only the targets matter. */
const labelled = (targets: readonly number[]): Sample[] => targets.map((target) => ({ input: ONE, target }))

interface Case {
  readonly targets: readonly number[]
  readonly fractions: Record<string, number>
  readonly random: (limit: number) => number
}

/** Some samples of some classes, of which some are rare, and two to four shares that make 1. */
function randomCase(seed: number): Case {
  const random = seeded(seed)
  const classes = 1 + random(6)
  const targets = Array.from({ length: 12 + random(400) }, () => Math.min(random(classes), random(classes)))
  const weights = Array.from({ length: 2 + random(3) }, () => 1 + random(9))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return { targets, fractions: Object.fromEntries(weights.map((weight, at) => [`part${at}`, weight / total])), random }
}

const count = (values: Iterable<unknown>, value: unknown): number =>
  [...values].filter((other) => other === value).length

test('80 and 20 of every class, in the order of the dataset', async (t) => {
  const targets = Array.from({ length: 100 }, (_, index) => (index < 50 ? 0 : index < 90 ? 1 : 2))
  const { train, validation } = await split(labelled(targets), { fractions: FRACTIONS })
  t.is(train.length, 80)
  t.is(validation.length, 20)
  const of = (subset: Subset, target: number): number =>
    count(
      subset.indices.map((index) => targets[index]!),
      target,
    )
  t.deepEqual(
    [0, 1, 2].map((target) => of(validation, target)),
    [10, 8, 2],
  )
  t.deepEqual(
    [...validation.indices],
    [...validation.indices].toSorted((left, right) => left - right),
  )
  t.is((await validation.get(19)).target, 2)
})

test('property: sizes add up, parts are disjoint, every class gets its share to within one sample', async (t) => {
  for (let seed = 0; seed < 400; seed++) {
    const { targets, fractions } = randomCase(seed)
    const parts = await split(labelled(targets), { fractions, seed })
    const all = Object.values(parts).flatMap(({ indices }) => [...indices])
    t.deepEqual(
      all.toSorted((left, right) => left - right),
      [...targets.keys()],
      `seed ${seed}`,
    )
    for (const [name, { indices, length }] of Object.entries(parts)) {
      t.true(length >= 1 && Math.abs(length - fractions[name]! * targets.length) < 1 + 1e-6, `seed ${seed}: ${name}`)
      for (const target of new Set(targets)) {
        const share = count(targets, target) * fractions[name]!
        const found = count(
          Array.from(indices, (index) => targets[index]),
          target,
        )
        t.true(
          Math.abs(found - share) <= 1 + 1e-6,
          `seed ${seed}: ${found} of class ${target} in ${name}, not ${share}`,
        )
      }
    }
  }
})

test('property: no group crosses; with small groups sizes and classes are near their shares', async (t) => {
  for (let seed = 0; seed < 200; seed++) {
    const { targets, fractions, random } = randomCase(seed)
    const groupCount = Object.keys(fractions).length + random(60)
    const groups = targets.map((_, index): GroupId => (index < groupCount ? index : random(groupCount)))
    const parts = await split(labelled(targets), { fractions, seed, by: groups })
    const all = Object.values(parts).flatMap(({ indices }) => [...indices])
    t.deepEqual(
      all.toSorted((left, right) => left - right),
      [...targets.keys()],
      `seed ${seed}`,
    )
    const seen = Object.values(parts).map(({ indices }) => new Set(Array.from(indices, (index) => groups[index])))
    t.is(
      seen.reduce((sum, { size }) => sum + size, 0),
      new Set(groups).size,
      `seed ${seed}: a group crosses`,
    )
    t.true(seen.every(({ size }) => size > 0))
    const largest = Math.max(...[...new Set(groups)].map((group) => count(groups, group)))
    for (const [name, { length }] of Object.entries(parts)) {
      t.true(Math.abs(length - fractions[name]! * targets.length) <= largest + 1, `seed ${seed}: ${length} in ${name}`)
    }
  }
})

test('groups of one class each are dealt so that every class is in both parts', async (t) => {
  const recordings = Array.from({ length: 40 }, (_, recording) => recording)
  const samples = recordings.flatMap((recording) => labelled(Array.from({ length: 10 }, () => recording % 4)))
  const by = (_: Sample, index: number): number => Math.floor(index / 10)
  const { validation } = await split(samples, { fractions: FRACTIONS, by })
  const targets = Array.from(validation.indices, (index) => samples[index]!.target)
  t.deepEqual(
    [0, 1, 2, 3].map((target) => count(targets, target)),
    [20, 20, 20, 20],
  )
})

test('a pure function of the seed', async (t) => {
  const samples = labelled(Array.from({ length: 20 }, (_, index) => index % 2))
  const draw = async (seed: number, by?: GroupId[]) => [
    ...(await split(samples, { fractions: FRACTIONS, seed, by })).validation.indices,
  ]
  t.deepEqual(await draw(0), [1, 6, 11, 14])
  t.deepEqual(await draw(1), [2, 9, 10, 11])
  const groups = samples.map((_, index) => `group ${index >> 1}`)
  t.deepEqual(await draw(0, groups), await draw(0, groups))
  t.true(new Set((await Promise.all([0, 1, 2, 3, 4].map(async (seed) => draw(seed, groups)))).map(String)).size > 1)
})

test('any dataset: TensorDataset, one that streams, one that answers later, a subset', async (t) => {
  const dots = movingDots(20)
  const expected = await split(movingDotSamples(20), { fractions: FRACTIONS })
  const later: Dataset = { length: 20, get: async (index) => movingDotSamples(20)[index]! }
  const file = npy('|u1', dots.inputs.shape, dots.inputs.data)
  await using streamed = await NpyDataset.open(fileOf(file), { targets: dots.targets })
  const all = new Subset(
    later,
    Array.from({ length: 20 }, (_, index) => index),
  )
  for (const dataset of [new TensorDataset(dots), later, streamed, all]) {
    const { train, validation } = await split(dataset, { fractions: FRACTIONS })
    t.deepEqual(train.indices, expected.train.indices)
    const batches = await collect(new DataLoader(validation, { batchSize: 4 }))
    t.deepEqual(batches, await collect(new DataLoader(expected.validation, { batchSize: 4 })))
  }
})

test('samples are read once, and not at all where nobody needs to look at them', async (t) => {
  const reads = Array.from({ length: 100 }, () => 0)
  const samples = labelled(reads.map((_, index) => index % 2))
  const dataset: Dataset = { length: 100, get: (index) => (reads[index]!++, samples[index]!) }
  const seen: number[] = []
  const onProgress = ({ done, total }: { done: number; total: number }) => t.true(seen.push(done) > 0 && total === 100)
  await split(dataset, {
    fractions: FRACTIONS,
    by: (sample, index) => `${Number(sample.target)} ${index % 10}`,
    onProgress,
  })
  t.true(reads.every((times) => times === 1))
  t.is(seen.at(-1), 100)
  await split(dataset, { fractions: FRACTIONS, stratify: false, by: reads.map((_, index) => index % 10) })
  t.true(reads.every((times) => times === 1))
})

test('behind a subset, `by` knows samples by their index in the whole', async (t) => {
  const samples = labelled(Array.from({ length: 40 }, () => 0))
  const speakers = samples.map((_, index) => index % 8)
  const half = new Subset(
    samples,
    Array.from({ length: 20 }, (_, index) => 39 - index),
  )
  const nested = new Subset(
    half,
    Array.from({ length: 16 }, (_, index) => index),
  )
  for (const by of [speakers, (_: Sample, index: number) => speakers[index]!]) {
    const { train, validation } = await split(nested, { fractions: { train: 0.5, validation: 0.5 }, by })
    const speaker = (index: number): number => speakers[half.indices[nested.indices[index]!]!]!
    const [left, right] = [train, validation].map(({ indices }) => new Set(Array.from(indices, speaker)))
    t.is(left!.size + right!.size, 8)
  }
})

test('targets that are no classes are not stratified, and refused where that is asked for', async (t) => {
  const samples = labelled([0.5, 1.5, 2.5, 3.5, 4.5])
  t.is((await split(samples, { fractions: FRACTIONS })).train.length, 4)
  const error = await failsWith(t, 'ERR_DATA', () => split(samples, { fractions: FRACTIONS, stratify: true }))
  t.is(error.message, 'Expected indices of classes to stratify by, received 0.5 at index 0')
})

test('every part gets a sample where there are enough', async (t) => {
  const { validation } = await split(labelled([0, 0, 0, 0]), { fractions: { train: 0.95, validation: 0.05 } })
  t.is(validation.length, 1)
  const thirds = split(labelled([0, 0, 0]), { fractions: { train: 0.9, validation: 0.05, test: 0.05 } })
  await failsWith(t, 'ERR_DATA', async () => thirds)
  const few = labelled([0])
  await failsWith(t, 'ERR_DATA', () => split(few, { fractions: FRACTIONS }))
  await failsWith(t, 'ERR_DATA', () => split([], { fractions: FRACTIONS }))
  const error = await failsWith(t, 'ERR_DATA', () =>
    split(labelled([0, 1, 2]), { fractions: FRACTIONS, by: ['a', 'a', 'a'] }),
  )
  t.is(error.message, 'Expected at least as many groups as splits (2), received 1')
})

test('a signal stops the reading with its reason; the failure of a dataset names the index', async (t) => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const never: Dataset = { length: 3, get: async () => new Promise<Sample>(() => undefined) }
  const splitting = split(never, { fractions: FRACTIONS, signal: controller.signal })
  controller.abort(reason)
  t.is(await splitting.catch((error: unknown) => error), reason)
  const broken = new Error('disk')
  const failing: Dataset = {
    length: 3,
    get: async (index) => (index === 1 ? Promise.reject(broken) : labelled([0])[0]!),
  }
  const error = await failsWith(t, 'ERR_DATA', () => split(failing, { fractions: FRACTIONS }))
  t.is(error.details.index, 1)
  t.is(error.cause, broken)
  const empty: Dataset = { length: 1, get: () => untyped<Sample>(undefined) }
  await failsWith(t, 'ERR_DATA', () => split(empty, { fractions: FRACTIONS }))
})

test.serial('the event loop keeps turning', async (t) => {
  // The clock of the test's own goes on by a quarter of a millisecond with each sample: 160 ms for all of them.
  let time = 0
  performance.now = () => time
  t.teardown(() => Reflect.deleteProperty(performance, 'now')) // the prototype's is there again
  const dataset: Dataset = {
    length: 640,
    get: () => {
      time += 0.25
      return labelled([0])[0]!
    },
  }
  let [turns, isDone] = [0, false]
  const turn = (): void => {
    turns++
    if (!isDone) setImmediate(turn)
  }
  setImmediate(turn)
  await split(dataset, { fractions: FRACTIONS })
  isDone = true
  t.true(turns >= 10, `${turns} turns in 160 ms`)
})

test('arguments are checked', async (t) => {
  const samples = labelled([0, 1, 0, 1])
  const call =
    (options: unknown, dataset: unknown = samples) =>
    () =>
      split(untyped<Dataset>(dataset), untyped<SplitOptions>(options))
  const fractions = FRACTIONS
  await refuses(t, TypeError, /^Expected a dataset .* for `dataset`, received 3$/, call({ fractions }, 3))
  await refuses(t, TypeError, /for `dataset`, received an instance of Set$/, call({ fractions }, new Set()))
  await refuses(t, TypeError, /^Unknown option `group`; /, call({ fractions, group: 1 }))
  await refuses(t, TypeError, /^Expected an object for `fractions`, received undefined$/, call({}))
  await refuses(
    t,
    RangeError,
    /^Expected a number above 0 for `fractions.b`, received 0$/,
    call({ fractions: { a: 1, b: 0 } }),
  )
  await refuses(t, TypeError, /for `fractions.a`, received '1'$/, call({ fractions: { a: '1' } }))
  await refuses(
    t,
    RangeError,
    /^Expected shares that make 1 together .* \[0\.8, 0\.1\]$/,
    call({ fractions: { a: 0.8, b: 0.1 } }),
  )
  await refuses(t, RangeError, /^Expected shares that make 1/, call({ fractions: {} }))
  await refuses(t, TypeError, /for `by`, received 'speaker'$/, call({ fractions, by: 'speaker' }))
  await refuses(
    t,
    RangeError,
    /^Expected one group id for each of 4 samples for `by`, received \[1, 2\]$/,
    call({ fractions, by: [1, 2] }),
  )
  await refuses(t, RangeError, /for `seed`, received -1$/, call({ fractions, seed: -1 }))
  await refuses(t, TypeError, /for `stratify`, received 'yes'$/, call({ fractions, stratify: 'yes' }))
  await refuses(t, TypeError, /for `onProgress`, received 1$/, call({ fractions, onProgress: 1 }))
  for (const id of [undefined, null, NaN, {}]) {
    const error = await failsWith(t, 'ERR_DATA', call({ fractions, by: () => id }))
    t.regex(error.message, /^Expected a string or number from `by` for the sample at index 0, received /)
  }
})

test('a Subset checks its indices', async (t) => {
  const samples = labelled([0, 1, 2])
  t.is((await new Subset(samples, [2, 2, 0]).get(1)).target, 2)
  await refuses(
    t,
    RangeError,
    /^Expected an integer from 0 to 2 for `indices\[1\]`, received 3$/,
    () => new Subset(samples, [0, 3]),
  )
  await refuses(t, TypeError, /for `indices`, received 1$/, () => new Subset(samples, untyped<number[]>(1)))
  await refuses(t, RangeError, /for `indices`, received \[0\]$/, () => new Subset([], [0]))
  await refuses(t, RangeError, /for `index`, received 1$/, () => new Subset(samples, [0]).get(1))
})
