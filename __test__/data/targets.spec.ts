import test from 'ava'
import { Adam, CnnLstm, DataLoader, Subset, TensorDataset, test as evaluate, train } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { FEATURES, VECTORS, clip, padded } from '../helpers/sequences'
import { noise } from '../helpers/toy'
import type { Sample, TensorDatasetOptions } from 'zoetrope'

const NAMES = { classes: ['a', 'b', 'c'] } as const
const LENGTHS = [2, 3]
const VALUES = [1, 0, 1, 0, 1, 1]
const inputs = noise([2, 3, FEATURES])
/** Two clips of 2 and 3 frames, with as many numbers for each as the longest clip has frames. */
const dataset = (targetsPer?: 'clip' | 'frame', more: Partial<TensorDatasetOptions> = {}) =>
  new TensorDataset({
    inputs,
    targets: { data: Float32Array.from(VALUES), shape: [2, 3] },
    lengths: LENGTHS,
    targetsPer,
    ...more,
  })

test('a target is handed out as it was given, however long its axes are', async (t) => {
  for (const targetsPer of [undefined, 'clip'] as const) {
    const labels = dataset(targetsPer)
    t.deepEqual(labels.get(0).target, Int32Array.of(1, 0, 1))
    t.deepEqual(labels.get(0).input.shape, [2, FEATURES])
    const [batch] = await collect(new DataLoader(labels))
    t.deepEqual([[...batch!.targets], batch!.targetShape], [VALUES, [2, 3]])
    const [alone] = await collect(new DataLoader(labels, { batchSize: 1 }))
    t.deepEqual(
      [[...alone!.targets], alone!.targetShape],
      [
        [1, 0, 1],
        [1, 3],
      ],
    )
  }
  const numbers = dataset(undefined, {
    targets: { data: Float32Array.of(0.5, 1.5, 2.5, 3.5, 4.5, 5.5), shape: [2, 3] },
  })
  t.deepEqual(numbers.get(0).target, Float32Array.of(0.5, 1.5, 2.5))
  const wide = dataset(undefined, { targets: { data: new Float32Array(12).fill(1), shape: [2, 3, 2] } })
  t.deepEqual(wide.get(0).target, { data: new Float32Array(6).fill(1), shape: [3, 2] })
})

test('targets that are said to be per frame are those of the own frames of a clip, and padded in a batch', async (t) => {
  const frames = dataset('frame')
  t.deepEqual(frames.get(0).target, Int32Array.of(1, 0))
  for (const augment of [undefined, { brightness: 0.1 }]) {
    const [batch] = await collect(new DataLoader(frames, { augment }))
    t.deepEqual(
      [[...batch!.targets], batch!.targetShape],
      [
        [1, 0, 0, 0, 1, 1],
        [2, 3],
      ],
    )
    const [short] = await collect(new DataLoader(frames, { batchSize: 1, augment }))
    t.deepEqual(
      [short!.inputs.shape, short!.targetShape],
      [
        [1, 2, FEATURES],
        [1, 2],
      ],
    )
  }
  await failsWith(t, 'ERR_SHAPE_MISMATCH', () => dataset('frame', { targets: [0, 1] }))
  await refuses(t, RangeError, /^Expected 'clip' or 'frame' for `targetsPer`, received 'time'$/, () =>
    dataset(untyped<'clip'>('time')),
  )
  await refuses(t, TypeError, /for `targetsPer`, received null$/, () => dataset(untyped<'clip'>(null)))
})

test('the head decides what untold targets are, and told ones must agree with it', async (t) => {
  await using tagger = await CnnLstm.create({ ...VECTORS, ...NAMES, head: { per: 'frame' } })
  await using labeller = await CnnLstm.create({ ...VECTORS, ...NAMES, head: 'multiLabel' })
  const lossOf = async (model: CnnLstm | typeof labeller | typeof tagger, per?: 'clip' | 'frame') =>
    (await evaluate(model, new DataLoader(dataset(per)))).loss
  t.is(await lossOf(tagger), await lossOf(tagger, 'frame'))
  t.is(await lossOf(labeller), await lossOf(labeller, 'clip'))
  for (const [model, per] of [
    [tagger, 'clip'],
    [labeller, 'frame'],
  ] as const) {
    const optimizer = new Adam(model)
    const error = await failsWith(t, 'ERR_DATA', async () => train(model, new DataLoader(dataset(per)), { optimizer }))
    t.regex(error.message, /^Expected targets per (clip|frame), as the head is, received a dataset of targets per/)
  }
})

test('targets are put side by side; those of different lengths are padded, and tell how long they are', async (t) => {
  const sample = (time: number, target: Sample['target']): Sample => ({ input: clip(time, time), target })
  const batchOf = async (samples: Sample[]) => {
    const [batch] = await collect(new DataLoader(samples))
    const { targets, targetShape, targetLengths, targetNames } = batch!
    return [[...targets], targetShape, targetLengths && [...targetLengths], targetNames]
  }
  t.deepEqual(await batchOf([sample(3, [1, 2, 3]), sample(1, [4, 5, 6])]), [
    [1, 2, 3, 4, 5, 6],
    [2, 3],
    undefined,
    undefined,
  ])
  t.deepEqual(await batchOf([sample(3, [1, 2, 3]), sample(1, [4]), sample(2, [])]), [
    [1, 2, 3, 4, 0, 0, 0, 0, 0],
    [3, 3],
    [3, 1, 0],
    undefined,
  ])
  t.deepEqual(await batchOf([sample(3, ['b', 'a', 'b']), sample(1, []), sample(4, ['c'])]), [
    [0, 1, 0, 0, 0, 0, 2, 0, 0],
    [3, 3],
    [3, 0, 1],
    ['b', 'a', 'c'],
  ])
  t.deepEqual(await batchOf([sample(3, []), sample(2, [])]), [[], [2, 0], undefined, undefined])
  const error = await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => batchOf([sample(3, [1, 2, 3]), sample(2, 4)]))
  t.deepEqual(error.details['indices'], [0, 1])
  await failsWith(t, 'ERR_DATA', async () => batchOf([sample(3, [1, 2, 3]), sample(2, ['a'])]))
  await failsWith(t, 'ERR_DATA', async () => batchOf([sample(3, untyped(['a', 1]))]))
})

test('a TensorDataset keeps label strings of any length, by index or by name', async (t) => {
  const clips = noise([3, 4, FEATURES])
  const numbered = new TensorDataset({ inputs: clips, targets: [[2, 0, 1], [], [1]] })
  t.deepEqual(
    [0, 1, 2].map((index) => numbered.get(index).target),
    [Int32Array.of(2, 0, 1), new Int32Array(0), Int32Array.of(1)],
  )
  const named = new TensorDataset({ inputs: clips, targets: [['b'], ['a', 'b'], []] })
  t.deepEqual(
    [0, 1, 2].map((index) => named.get(index).target),
    [['b'], ['a', 'b'], []],
  )
  const [batch] = await collect(new DataLoader(new Subset(numbered, [2, 1])))
  t.deepEqual(
    [[...batch!.targets], batch!.targetShape, [...batch!.targetLengths!]],
    [
      [1, 0],
      [2, 1],
      [1, 0],
    ],
  )
  await failsWith(t, 'ERR_DATA', () => new TensorDataset({ inputs: clips, targets: untyped([[0], ['a'], []]) }))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', () => new TensorDataset({ inputs: clips, targets: [[0], [1]] }))
})

test('targets of another realm, and lists that change their length, are read once', async (t) => {
  const { clips, lengths } = padded([{ input: clip(2, 1), target: 0 }], 2, 0)
  let reads = 0
  const targets = new Proxy([1], {
    get: (list, key) => (key === 'length' && reads++ > 0 ? 7 : (Reflect.get(list, key) as unknown)),
  })
  t.is(new TensorDataset({ inputs: clips, lengths, targets }).get(0).target, 1)
})
