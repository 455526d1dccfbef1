import { getEventListeners } from 'node:events'
import test from 'ava'
import { Adam, DataLoader, audit, fit, test as evaluate, train } from 'zoetrope'
import { failsWith } from '../helpers/expect'
import { movingDotLoader, movingDotSamples, toyModel } from '../helpers/toy'
import { bytesOf } from '../helpers/weights'
import type { CnnLstm, Dataset, EpochRecord, FitOptions, Sample } from 'zoetrope'

/** An event: it happens once, and anybody may wait for it. */
class Signal {
  happen: () => void = () => undefined
  readonly happened = new Promise<void>((resolve) => (this.happen = resolve))
}

const options = (model: CnnLstm, changes: Partial<FitOptions> = {}): FitOptions => ({
  train: movingDotLoader(64, { shuffle: true }),
  epochs: 2,
  optimizer: new Adam(model, { learningRate: 0.05 }),
  audit: false,
  ...changes,
})

test('leaving a loop while somebody else waits for the next epoch ends the run behind that epoch', async (t) => {
  const changes: Partial<FitOptions>[] = [{ best: 'loss' }, { ema: { decay: 0.5 } }, { best: 'accuracy', ema: {} }]
  for (const change of changes) {
    await using undisturbed = await toyModel()
    const records = await fit(undisturbed, options(undisturbed, change))

    await using model = await toyModel()
    const [begun, left] = [new Signal(), new Signal()]
    let epochs = 0
    const onBatch = async ({ step }: { step: number }): Promise<void> => {
      if (epochs !== 1 || step !== 1) return
      begun.happen()
      await left.happened
      await model.stateDict() //                         whatever leaving asks the engine for has been asked for
    }
    const run = fit(model, options(model, { ...change, epochs: 9, onBatch, onEpoch: () => void epochs++ }))
    let others: Promise<EpochRecord[]> | undefined
    for await (const { epoch } of run) {
      t.is(epoch, 1)
      others = run.then((history) => history)
      await begun.happened
      left.happen()
      break
    }
    const seen = await others!
    t.deepEqual(
      seen.map(({ train: { loss } }) => loss),
      records.map(({ train: { loss } }) => loss),
    )
    t.is(await bytesOf(model), await bytesOf(undisturbed))
    t.deepEqual(await run, seen)
  }
})

test('leaving a loop does not throw the error of an epoch that somebody else waits for', async (t) => {
  await using model = await toyModel()
  const begun = new Signal()
  const onEpoch = async ({ epoch }: EpochRecord): Promise<void> => {
    if (epoch !== 2) return
    begun.happen()
    throw new Error('own')
  }
  const run = fit(model, options(model, { best: 'loss', onEpoch }))
  let others: Promise<unknown> | undefined
  for await (const record of run) {
    others = run.catch((error: unknown) => `${record.epoch} ${(error as Error).message}`)
    await begun.happened
    break
  }
  t.is(await others, '1 own')
})

const NEVER = new Promise<never>(() => undefined)

/** A dataset of which only the first samples ever come; `asked` happens when another one is asked for. */
function stuck(asked: Signal, ready = 0): Dataset {
  const samples = movingDotSamples(64)
  const get = (index: number): Sample | Promise<Sample> => {
    if (index < ready) return samples[index]!
    asked.happen()
    return NEVER
  }
  return { length: 64, get }
}

/** Calls that wait for something of the user's that never settles; `at` happens when they do. */
const WAITS: Readonly<Record<string, (model: CnnLstm, at: Signal, signal?: AbortSignal) => Promise<unknown>>> = {
  'the share for validation': async (model, at, signal) =>
    fit(model, options(model, { train: new DataLoader(stuck(at)), validation: 0.3, signal })),
  'the share for validation, half read': async (model, at, signal) =>
    fit(model, options(model, { train: new DataLoader(stuck(at, 40)), validation: 0.3, signal })),
  'the look before the first epoch': async (model, at, signal) =>
    fit(model, options(model, { train: new DataLoader(stuck(at)), audit: true, signal })),
  'training data': async (model, at, signal) =>
    fit(model, options(model, { train: new DataLoader(stuck(at, 16), { batchSize: 8 }), signal })),
  'validation data': async (model, at, signal) =>
    fit(model, options(model, { validation: new DataLoader(stuck(at, 16), { batchSize: 8 }), signal })),
  onEpoch: async (model, at, signal) => fit(model, options(model, { onEpoch: hang(at), signal })),
  'onEpoch, iterated': async (model, at, signal) => {
    for await (const record of fit(model, options(model, { onEpoch: hang(at), signal }))) void record
  },
  onBatch: async (model, at, signal) =>
    train(model, movingDotLoader(64), { optimizer: new Adam(model), onBatch: hang(at), signal }),
  'an iterator': async (model, at, signal) => {
    const next = async (): Promise<IteratorResult<Sample>> => hang(at)()
    const source = { [Symbol.asyncIterator]: () => ({ next, return: async () => NEVER }) }
    return train(model, new DataLoader(source), { optimizer: new Adam(model), signal })
  },
  'data of an audit': async (model, at, signal) => audit(model, new DataLoader(stuck(at)), { print: null, signal }),
  'print of an audit': async (model, at, signal) => audit(model, movingDotLoader(32), { print: hang(at), signal }),
  test: async (model, at, signal) => evaluate(model, new DataLoader(stuck(at, 33)), { signal }),
}

function hang(at: Signal): () => Promise<never> {
  return async () => {
    at.happen()
    return NEVER
  }
}

for (const [what, wait] of Object.entries(WAITS)) {
  test(`an abort ends the wait for ${what}, and the model works after it`, async (t) => {
    await using model = await toyModel()
    const [controller, at] = [new AbortController(), new Signal()]
    const { signal } = controller
    const outcome = wait(model, at, signal).catch((error: unknown) => error)
    await at.happened
    controller.abort('enough')
    t.is(await outcome, 'enough')
    t.is(getEventListeners(signal, 'abort').length, 0)
    t.is((await fit(model, options(model))).length, 2)
  })

  test(`a model that is disposed of ends the wait for ${what}`, async (t) => {
    const [model, at] = [await toyModel(), new Signal()]
    const outcome = wait(model, at)
    outcome.catch(() => undefined)
    await at.happened
    await model.dispose()
    await failsWith(t, 'ERR_DISPOSED', async () => outcome)
  })
}

test('an abort in onEpoch rejects, in the last epoch too', async (t) => {
  await using model = await toyModel()
  for (const last of [1, 2]) {
    const controller = new AbortController()
    const onEpoch = ({ epoch }: EpochRecord): void => {
      if (epoch === last) controller.abort('enough')
    }
    const run = fit(model, options(model, { onEpoch, signal: controller.signal }))
    t.is(await run.catch((error: unknown) => error), 'enough')
  }
})

test.serial(
  'what an async callback rejects with comes to the caller, once, also where an abort comes first',
  async (t) => {
    await using model = await toyModel()
    const unhandled: unknown[] = []
    const listen = (reason: unknown): unknown => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    const own = new Error('own')
    const reject = async (): Promise<never> => {
      throw own
    }
    const { optimizer, train: loader } = options(model)
    t.is(await train(model, loader, { optimizer, onBatch: reject }).catch((error: unknown) => error), own)
    t.is(await fit(model, options(model, { onEpoch: reject })).catch((error: unknown) => error), own)
    t.is(await fit(model, options(model, { onBatch: reject, ema: {} })).catch((error: unknown) => error), own)
    t.is(await audit(model, loader, { print: reject }).catch((error: unknown) => error), own)
    const controller = new AbortController()
    const abortAndReject = async (): Promise<never> => {
      controller.abort('enough')
      throw own
    }
    const { signal } = controller
    t.is(
      await train(model, loader, { optimizer, onBatch: abortAndReject, signal }).catch((error: unknown) => error),
      'enough',
    )
    await new Promise((resolve) => setImmediate(resolve)) //     unhandled rejections are told of before that
    process.off('unhandledRejection', listen)
    t.deepEqual(unhandled, [])
  },
)
