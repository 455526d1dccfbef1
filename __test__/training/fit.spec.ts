import test from 'ava'
import { Adam, DataLoader, fit } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDotLoader, movingDotSamples, toyModel } from '../helpers/toy'
import { turns } from '../helpers/turns'
import type { CnnLstm, EpochRecord, FitOptions, Sample } from 'zoetrope'

const options = (model: CnnLstm, changes: Partial<FitOptions> = {}): FitOptions => ({
  train: movingDotLoader(32, { shuffle: true }),
  epochs: 3,
  optimizer: new Adam(model),
  ...changes,
})

test('awaiting a run does all epochs and gives their records', async (t) => {
  await using model = await toyModel()
  const history = await fit(model, options(model, { validation: movingDotLoader(20, {}, 2) }))
  t.deepEqual(
    history.map(({ epoch }) => epoch),
    [1, 2, 3],
  )
  t.deepEqual(
    history.map(({ train }) => train.samples),
    [32, 32, 32],
  )
  t.deepEqual(
    history.map(({ validation }) => validation?.samples),
    [20, 20, 20],
  )
})

test('without validation data there is no validation', async (t) => {
  await using model = await toyModel()
  const [record] = await fit(model, options(model, { epochs: 1 }))
  t.false('validation' in record!)
})

test('nothing happens before the run is awaited or iterated', async (t) => {
  await using model = await toyModel()
  let [epochs, asked] = [0, 0]
  const samples = movingDotSamples(32)
  const get = (index: number): Sample => {
    asked++
    return samples[index]!
  }
  const loader = new DataLoader({ length: 32, get }, { batchSize: 16 })
  const run = fit(model, options(model, { onEpoch: () => epochs++, train: loader }))
  await turns()
  t.deepEqual([epochs, asked], [0, 0])
  await run
  t.is(epochs, 3)
})

test('iterating does one epoch a turn; awaiting afterwards gives the same records, and nothing runs again', async (t) => {
  await using model = await toyModel()
  let epochs = 0
  const run = fit(model, options(model, { onEpoch: () => epochs++ }))
  const seen: EpochRecord[] = []
  for await (const record of run) {
    seen.push(record)
    t.is(epochs, seen.length)
  }
  t.deepEqual(await run, seen)
  t.deepEqual(await run, seen)
  t.deepEqual(await collect(run), seen)
  t.is(epochs, 3)
})

test('awaiting while iterating shares the epochs', async (t) => {
  await using model = await toyModel()
  let epochs = 0
  const run = fit(model, options(model, { onEpoch: () => epochs++ }))
  const [iterated, awaited] = await Promise.all([collect(run), run])
  t.deepEqual(iterated, awaited)
  t.is(epochs, 3)
})

test('leaving the loop ends the run after that epoch', async (t) => {
  await using model = await toyModel()
  const run = fit(model, options(model, { epochs: 10 }))
  for await (const { epoch } of run) if (epoch === 2) break
  t.deepEqual(
    (await run).map(({ epoch }) => epoch),
    [1, 2],
  )
})

test('a run, a loop of train and test, and the same run again are equal bit for bit', async (t) => {
  const losses = async (): Promise<number[]> => {
    await using model = await toyModel()
    return (await fit(model, options(model))).map(({ train }) => train.loss)
  }
  t.deepEqual(await losses(), await losses())
})

test("onEpoch is awaited, and returning 'stop' ends the run", async (t) => {
  await using model = await toyModel()
  const seen: number[] = []
  const onEpoch = async ({ epoch }: EpochRecord): Promise<string | undefined> => {
    await turns()
    seen.push(epoch)
    return epoch === 2 ? 'stop' : undefined
  }
  const history = await fit(model, options(model, { epochs: 9, onEpoch }))
  t.deepEqual(seen, [1, 2])
  t.is(history.length, 2)
})

test('onBatch counts anew in each epoch', async (t) => {
  await using model = await toyModel()
  const steps: number[] = []
  await fit(model, options(model, { epochs: 2, onBatch: ({ step }) => steps.push(step) }))
  t.deepEqual(steps, [1, 2, 1, 2])
})

test('initialEpoch goes on where an earlier run ended, orders included', async (t) => {
  const ordersOf = async (changes: Partial<FitOptions>): Promise<[number[], string[]]> => {
    await using model = await toyModel()
    const samples = movingDotSamples(8)
    const asked: number[] = []
    const get = (index: number) => {
      asked.push(index)
      return samples[index]!
    }
    const train = new DataLoader({ length: 8, get }, { shuffle: true, seed: 1 })
    const history = await fit(model, options(model, { train, audit: false, ...changes }))
    const epochs = history.map(({ epoch }) => epoch)
    return [epochs, epochs.map((_, index) => asked.slice(index * 8, index * 8 + 8).join())]
  }
  const [all, orders] = await ordersOf({ epochs: 4 })
  const [rest, restOrders] = await ordersOf({ epochs: 4, initialEpoch: 2 })
  t.deepEqual(all, [1, 2, 3, 4])
  t.deepEqual(rest, [3, 4])
  t.deepEqual(restOrders, orders.slice(2))
  t.deepEqual(await ordersOf({ epochs: 4, initialEpoch: 4 }), [[], []])
})

test('an error ends the run and comes to everyone who waits, once each, none unhandled', async (t) => {
  await using model = await toyModel()
  const unhandled: unknown[] = []
  const listen = (reason: unknown): unknown => unhandled.push(reason)
  process.on('unhandledRejection', listen)
  const own = new Error('enough')
  const failing = () =>
    fit(
      model,
      options(model, {
        onEpoch: ({ epoch }) => {
          if (epoch === 2) throw own
        },
      }),
    )
  await t.throwsAsync(async () => failing(), { is: own })
  const iterated = failing()
  const seen: number[] = []
  await t.throwsAsync(
    async () => {
      for await (const { epoch } of iterated) seen.push(epoch)
    },
    { is: own },
  )
  t.deepEqual(seen, [1], 'an epoch whose callback throws is not one')
  await t.throwsAsync(async () => iterated, { is: own })
  const both = failing()
  t.deepEqual(
    (await Promise.allSettled([collect(both), both])).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await both.catch((error: unknown) => t.is(error, own))
  void failing() //                                       never awaited: never begun
  await turns()
  process.off('unhandledRejection', listen)
  t.deepEqual(unhandled, [])
})

test('abort rejects with the reason, in the loop and awaited; the model works after it', async (t) => {
  await using model = await toyModel()
  const reason = { why: 'a reason of any type' }
  const controller = new AbortController()
  const onBatch = ({ step }: { step: number }) => step === 2 && controller.abort(reason)
  const run = fit(model, options(model, { signal: controller.signal, onBatch, train: movingDotLoader(1600) }))
  const caught = await collect(run).catch((error: unknown) => error)
  t.is(caught, reason)
  t.is(await run.catch((error: unknown) => error), reason)
  t.is(await run.finally(() => undefined).catch((error: unknown) => error), reason)
  t.is((await fit(model, options(model, { epochs: 1 }))).length, 1)
})

test('a disposed model is ERR_DISPOSED', async (t) => {
  const model = await toyModel()
  const run = fit(model, options(model))
  await model.dispose()
  await failsWith(t, 'ERR_DISPOSED', async () => run)
})

test('wrong options are refused by the call itself', async (t) => {
  await using model = await toyModel()
  const call = (changes: object) => () => fit(model, untyped<FitOptions>({ ...options(model), ...changes }))
  await refuses(t, TypeError, /^Unknown option `epoch`; did you mean `epochs`\?$/, call({ epoch: 3 }))
  await refuses(t, TypeError, /^Unknown option `validationData`/, call({ validationData: 3 }))
  await refuses(t, RangeError, /^Expected a positive integer for `epochs`, received 0$/, call({ epochs: 0 }))
  await refuses(t, RangeError, /for `epochs`, received NaN$/, call({ epochs: NaN }))
  await refuses(t, TypeError, /for `epochs`, received undefined$/, call({ epochs: undefined }))
  await refuses(
    t,
    RangeError,
    /^Expected an integer from 0 to 3 for `initialEpoch`, received 4$/,
    call({ initialEpoch: 4 }),
  )
  await refuses(t, TypeError, /^Expected a DataLoader for `train`, received undefined$/, call({ train: undefined }))
  await refuses(
    t,
    TypeError,
    /^Expected a DataLoader or a share of the data for `validation`, received an array of length 0$/,
    call({ validation: [] }),
  )
  await refuses(
    t,
    TypeError,
    /^Expected an optimizer, such as an Adam, for `optimizer`/,
    call({ optimizer: undefined }),
  )
  await refuses(t, TypeError, /^Expected a function for `onEpoch`/, call({ onEpoch: 'stop' }))
})
