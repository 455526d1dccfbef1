import test from 'ava'
import { CnnLstm, DataLoader, TensorDataset, test as evaluate, train, Sgd } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { turns, until } from '../helpers/turns'
import { movingDots, movingDotSamples, noise, toyModel } from '../helpers/toy'
import type { DataLoaderOptions, DataSource, Dataset, Sample } from 'zoetrope'

/** Samples whose one pixel and target is their index. */
const sampleAt = (index: number): Sample => ({ input: { data: Uint8Array.of(index), shape: [1, 1, 1] }, target: index })
const numbered = (length: number): Dataset => ({ length, get: sampleAt })

async function targetsOf(loader: DataLoader): Promise<number[][]> {
  const batches: number[][] = []
  for await (const { inputs, targets } of loader) {
    if (inputs.data.join() !== targets.join()) throw new Error('inputs and targets do not belong together')
    batches.push([...targets])
  }
  return batches
}

test('batches are [batch, …sample] in order; the last may be smaller or left out', async (t) => {
  t.deepEqual(await targetsOf(new DataLoader(numbered(5), { batchSize: 2 })), [[0, 1], [2, 3], [4]])
  t.deepEqual(await targetsOf(new DataLoader(numbered(5), { batchSize: 2, dropLast: true })), [
    [0, 1],
    [2, 3],
  ])
  const [first] = await collect(new DataLoader(movingDotSamples(3)))
  t.deepEqual(first!.inputs.shape, [3, 6, 1, 8, 8])
})

test('length is the number of batches, where it can be known', (t) => {
  t.is(new DataLoader(numbered(65)).length, 3)
  t.is(new DataLoader(numbered(65), { batchSize: 64, dropLast: true }).length, 1)
  t.is(new DataLoader([sampleAt(0)]).length, 1)
  t.is(new DataLoader(new TensorDataset(movingDots(3)), { batchSize: 2 }).length, 2)
  t.is(new DataLoader(new Set([sampleAt(0)])).length, undefined)
})

test('every source gives the same batches: sync, async, array, iterable, native', async (t) => {
  const samples = movingDotSamples(10)
  const sources: DataSource[] = [
    { length: 10, get: (index) => samples[index]! },
    { length: 10, get: async (index) => turns(10 - index).then(() => samples[index]!) }, //   the last come first
    samples,
    new Set(samples),
    {
      async *[Symbol.asyncIterator]() {
        yield* samples
      },
    },
    new TensorDataset(movingDots(10)),
  ]
  await using model = await toyModel()
  const expected = await collect(new DataLoader(sources[0]!, { batchSize: 4 }))
  const { loss } = await evaluate(model, new DataLoader(sources[0]!, { batchSize: 4 }))
  for (const source of sources) {
    t.deepEqual(await collect(new DataLoader(source, { batchSize: 4 })), expected)
    t.is((await evaluate(model, new DataLoader(source, { batchSize: 4 }))).loss, loss)
  }
})

test('a dataset may use one buffer for all samples', async (t) => {
  const data = new Uint8Array(1)
  const get = (index: number): Sample => {
    data[0] = index
    return { input: { data, shape: [1, 1, 1] }, target: index }
  }
  t.deepEqual(await targetsOf(new DataLoader({ length: 4, get }, { batchSize: 2 })), [
    [0, 1],
    [2, 3],
  ])
})

test('iterating again is the next epoch; two iterations at once do not disturb each other', async (t) => {
  const loader = new DataLoader(numbered(20), { batchSize: 20, shuffle: true, seed: 3 })
  const one = await targetsOf(loader)
  const two = await targetsOf(loader)
  t.notDeepEqual(one, two)
  loader.setEpoch(0)
  const [first, second] = await Promise.all([targetsOf(loader), targetsOf(loader)])
  t.deepEqual([first, second], [one, two])
})

test('leaving the loop early ends the source', async (t) => {
  let returned = 0
  const source: AsyncIterable<Sample> = {
    async *[Symbol.asyncIterator]() {
      try {
        for (let index = 0; ; index++) yield sampleAt(index % 256)
      } finally {
        returned++
      }
    },
  }
  for await (const { targets } of new DataLoader(source, { batchSize: 4 })) {
    t.is(targets.length, 4)
    break
  }
  t.is(returned, 1)
})

test('prefetch bounds how many batches are made ahead', async (t) => {
  for (const prefetch of [0, 1, 3]) {
    const asked: number[] = []
    const get = async (index: number): Promise<Sample> => {
      asked.push(index)
      return sampleAt(index)
    }
    const iterator = new DataLoader({ length: 40, get }, { batchSize: 2, prefetch })[Symbol.asyncIterator]()
    t.is(asked.length, 0, 'nothing is asked for before the loop begins')
    await iterator.next()
    await until(() => asked.length >= 2 + 2 * prefetch)
    await turns() //                                    more, if there were any, would be asked for by now
    t.is(asked.length, 2 + 2 * prefetch)
    await iterator.return?.()
  }
})

test('a batch is handed over before the next is made', async (t) => {
  let asked = 0
  const get = (index: number): Sample => {
    asked++
    return sampleAt(index)
  }
  const iterator = new DataLoader({ length: 8, get }, { batchSize: 2 })[Symbol.asyncIterator]()
  await iterator.next()
  t.is(asked, 2)
  await iterator.return?.()
})

test('batches are made while the model trains', async (t) => {
  await using model = await toyModel()
  const samples = movingDotSamples(64)
  let asked = 0
  const get = async (index: number): Promise<Sample> => {
    asked++
    return samples[index]!
  }
  const ahead: number[] = []
  await train(model, new DataLoader({ length: 64, get }, { batchSize: 8 }), {
    optimizer: new Sgd(model),
    onBatch: ({ samples: done }) => ahead.push(asked - done),
  })
  t.true(ahead[0]! >= 8, `asked ahead: ${ahead.join()}`)
})

test('training reads the clips of JavaScript as they were given, bit for bit as those in native memory', async (t) => {
  const inputs = noise([96, 4, 1, 32, 32])
  const targets = Int32Array.from({ length: 96 }, (_, index) => index % 2)
  const size = 4 * 32 * 32
  const samples = Array.from(targets, (target, index) => ({
    input: { data: inputs.data.slice(index * size, (index + 1) * size), shape: [4, 1, 32, 32] },
    target,
  }))
  const losses = []
  for (const source of [new TensorDataset({ inputs, targets }), samples]) {
    await using model = await toyModel({ input: { channels: 1, height: 32, width: 32 } })
    const loader = new DataLoader(source, { batchSize: 8, shuffle: true })
    const optimizer = new Sgd(model)
    for (let epoch = 0; epoch < 3; epoch++) losses.push((await train(model, loader, { optimizer })).loss)
  }
  t.deepEqual(losses.slice(3), losses.slice(0, 3))
})

test('a loop by hand after training sees its own samples and zeros; its arrays stay as they were', async (t) => {
  const input = { features: 2 }
  await using model = await CnnLstm.create({ input, numClasses: 2, lstm: { hiddenSize: 4 }, seed: 0, device: 'cpu' })
  const lengths = [5, 2, 4, 1, 3, 5, 1, 2]
  const samples = lengths.map((time, index) => ({
    input: { data: new Float32Array(time * 2).fill(index + 1), shape: [time, 2] },
    target: index % 2,
  }))
  const loader = new DataLoader(samples, { batchSize: 2 })
  const optimizer = new Sgd(model)
  await train(model, loader, { optimizer })
  const batches = await collect(loader)
  await train(model, loader, { optimizer })
  for (const [batch, { inputs, lengths: frames }] of batches.entries()) {
    const [, time = 0] = inputs.shape
    for (const clip of [0, 1]) {
      const length = lengths[batch * 2 + clip]!
      t.is(frames?.[clip] ?? time, length)
      const values = Array.from({ length: time * 2 }, (_, at) => (at < length * 2 ? batch * 2 + clip + 1 : 0))
      t.deepEqual([...inputs.data.subarray(clip * time * 2, (clip + 1) * time * 2)], values)
    }
  }
})

test('a dataset that throws ends the epoch with its own error as cause; the model is intact', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model)
  const samples = movingDotSamples(32)
  const own = new Error('the disk is on fire')
  const fail = (index: number): Sample => {
    if (index === 21) throw own
    return samples[index]!
  }
  const sources: DataSource[] = [
    { length: 32, get: fail },
    { length: 32, get: async (index) => fail(index) },
    {
      *[Symbol.iterator]() {
        for (let index = 0; index < 32; index++) yield fail(index)
      },
    },
    {
      async *[Symbol.asyncIterator]() {
        for (let index = 0; index < 32; index++) yield fail(index)
      },
    },
  ]
  for (const source of sources) {
    const steps: number[] = []
    const error = await failsWith(t, 'ERR_DATA', async () =>
      train(model, new DataLoader(source, { batchSize: 8 }), { optimizer, onBatch: ({ step }) => steps.push(step) }),
    )
    t.is(error.cause, own)
    t.is(error.message, 'The dataset failed at index 21: the disk is on fire')
    t.is(error.details['index'], 21)
    t.true(steps.length <= 2)
  }
  t.is((await train(model, new DataLoader(samples), { optimizer })).samples, 32)
})

test('samples that do not agree are named', async (t) => {
  const other: Sample = { input: { data: new Uint8Array(2), shape: [1, 1, 2] }, target: 0 }
  const get = (index: number): Sample => (index === 4 ? other : sampleAt(index))
  const loader = new DataLoader({ length: 6, get }, { batchSize: 3 })
  const error = await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => targetsOf(loader))
  t.is(
    error.message,
    'Expected samples of one shape and type in a batch, received uint8 [1, 1, 1] at index 3 and uint8 [1, 1, 2] at index 4',
  )
  t.deepEqual(error.details['indices'], [3, 4])
  const floats: Sample = { input: { data: new Float32Array(1), shape: [1, 1, 1] }, target: 0 }
  await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => targetsOf(new DataLoader([sampleAt(0), floats])))
})

test('what is no sample is ERR_DATA naming the index', async (t) => {
  const input = { data: new Uint8Array(1), shape: [1, 1, 1] }
  const bad: unknown[] = [
    undefined,
    null,
    7,
    {},
    { input: new Uint8Array(1), target: 0 },
    { input: { ...input, data: [1] }, target: 0 },
    { input, target: '0' },
    { input, target: NaN },
    { input, target: [0, 'b'] },
    { input, target: { data: [1], shape: [1] } },
  ]
  for (const sample of bad) {
    const loader = new DataLoader({ length: 2, get: () => untyped<Sample>(sample) })
    const error = await failsWith(t, 'ERR_DATA', async () => targetsOf(loader))
    t.regex(error.message, /index 0/)
  }
  const short = { input: { ...input, shape: [1, 1, 2] }, target: 0 }
  const error = await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => targetsOf(new DataLoader([sampleAt(0), short])))
  t.regex(error.message, /index 1/)
})

test('samples without targets make batches without, and none of a batch may have one then', async (t) => {
  const input = { data: new Uint8Array(1), shape: [1, 1, 1] }
  for (const source of [
    [{ input }, { input }],
    new TensorDataset({ inputs: { data: new Uint8Array(2), shape: [2, 1, 1, 1] } }),
  ]) {
    const [batch] = await collect(new DataLoader(source))
    t.deepEqual([batch!.inputs.shape, batch!.targets.length, batch!.targetShape], [[2, 1, 1, 1], 0, [0]])
  }
  const mixed = new DataLoader([{ input, target: 1 }, { input }])
  const error = await failsWith(t, 'ERR_DATA', async () => collect(mixed))
  t.regex(error.message, /a target of every sample or of none, received one at index 0 and none at index 1/)
})

test('labels out of range are ERR_DATA, whichever way they come, and the model works after it', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model)
  const { inputs } = movingDots(4)
  const targets = [0, 1, 2, 0]
  const samples = movingDotSamples(4).map((sample, index) => ({ ...sample, target: targets[index]! }))
  for (const source of [samples, new TensorDataset({ inputs, targets })]) {
    await failsWith(t, 'ERR_DATA', async () => train(model, new DataLoader(source), { optimizer }))
    await failsWith(t, 'ERR_DATA', async () => evaluate(model, new DataLoader(source)))
  }
  t.is((await train(model, new DataLoader(movingDotSamples(4)), { optimizer })).samples, 4)
})

test('an epoch without batches is ERR_DATA that says why', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model)
  const empty = await failsWith(t, 'ERR_DATA', async () => train(model, new DataLoader([]), { optimizer }))
  t.regex(empty.message, /the dataset is empty/)
  const dropped = new DataLoader(movingDotSamples(3), { dropLast: true })
  await failsWith(t, 'ERR_DATA', async () => evaluate(model, dropped))
  const once = (function* () {
    yield* movingDotSamples(3)
  })()
  const loader = new DataLoader(once)
  t.is((await evaluate(model, loader)).samples, 3)
  const again = await failsWith(t, 'ERR_DATA', async () => evaluate(model, loader))
  t.regex(again.message, /generator/)
})

test('wrong sources and options are refused', async (t) => {
  const make = (source: unknown, options?: unknown) => () =>
    new DataLoader(untyped<DataSource>(source), untyped<DataLoaderOptions>(options))
  const source = numbered(3)
  await refuses(t, TypeError, /^Expected a dataset .* for `source`, received undefined$/, make(undefined))
  await refuses(t, TypeError, /for `source`, received an object$/, make({ length: 3 }))
  await refuses(t, TypeError, /for `source`, received 'abc'$/, make('abc'))
  await refuses(t, RangeError, /for `source.length`, received -1$/, make({ ...source, length: -1 }))
  await refuses(
    t,
    TypeError,
    /^Unknown option `batchsize`; did you mean `batchSize`\?$/,
    make(source, { batchsize: 3 }),
  )
  await refuses(t, TypeError, /did you mean `dropLast`/, make(source, { drop_last: true }))
  await refuses(
    t,
    RangeError,
    /^Expected a positive integer for `batchSize`, received 0$/,
    make(source, { batchSize: 0 }),
  )
  await refuses(t, RangeError, /for `batchSize`, received NaN$/, make(source, { batchSize: NaN }))
  await refuses(t, TypeError, /for `batchSize`, received '8'$/, make(source, { batchSize: '8' }))
  await refuses(t, TypeError, /^Expected a boolean for `shuffle`, received 1$/, make(source, { shuffle: 1 }))
  await refuses(t, RangeError, /for `prefetch`, received -1$/, make(source, { prefetch: -1 }))
  await refuses(t, RangeError, /for `seed`, received 0.5$/, make(source, { seed: 0.5 }))
  await refuses(t, TypeError, /to shuffle for `source`/, make(new Set(), { shuffle: true }))
  await refuses(t, RangeError, /for `epoch`, received -1$/, () => new DataLoader(source).setEpoch(-1))
})
