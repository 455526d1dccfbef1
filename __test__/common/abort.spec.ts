import { getEventListeners } from 'node:events'
import test from 'ava'
import { Adam, DataLoader, test as evaluate, train } from 'zoetrope'
import { movingDotLoader, movingDots, movingDotSamples, toyModel } from '../helpers/toy'
import { turns, until } from '../helpers/turns'
import type { Sample } from 'zoetrope'

const caught = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => 'no error').catch((error: unknown) => error)

test('abort in the middle of an epoch stops within one batch and rejects with the reason untouched', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  const controller = new AbortController()
  const { signal } = controller
  const reason = { why: 'enough' }
  const steps: number[] = []
  const onBatch = ({ step }: { step: number }): void => {
    steps.push(step)
    if (step === 5) controller.abort(reason)
  }
  const error = await caught(train(model, movingDotLoader(3200), { optimizer, signal, onBatch }))
  t.is(error, reason)
  t.deepEqual(steps, [1, 2, 3, 4, 5])
  t.is(getEventListeners(signal, 'abort').length, 0)

  const stopped = await model.stateDict()
  await turns()
  t.deepEqual(await model.stateDict(), stopped, 'no step runs after the rejection')
  const sameSteps: string[] = []
  for (const count of [5, 6]) {
    await using fresh = await toyModel()
    await train(fresh, movingDotLoader(count * 16), { optimizer: new Adam(fresh) })
    sameSteps.push(JSON.stringify([...(await fresh.stateDict())]))
  }
  t.true(sameSteps.includes(JSON.stringify([...stopped])), 'as after step 5, or the one that was running')

  t.is((await model.predict(movingDots(2).inputs)).length, 2)
  t.is((await train(model, movingDotLoader(32), { optimizer, signal: new AbortController().signal })).steps, 2)
})

test('abort from a timer, while nobody calls back', async (t) => {
  await using model = await toyModel()
  const controller = new AbortController()
  const optimizer = new Adam(model)
  // More than any machine trains before the timer, and no callback that could stop it.
  const work = train(model, movingDotLoader(200_000), { optimizer, signal: controller.signal })
  setTimeout(() => controller.abort(), 30)
  const error = await caught(work)
  t.is(error, controller.signal.reason)
  t.is((error as Error).name, 'AbortError')
})

test('an aborted signal rejects before anything is done', async (t) => {
  await using model = await toyModel()
  const loader = movingDotLoader(32, { shuffle: true })
  const before = await model.stateDict()
  for (const reason of [new Error('gone'), undefined, null, 'text', 0]) {
    const signal = AbortSignal.abort(reason)
    t.is(await caught(train(model, loader, { optimizer: new Adam(model), signal })), signal.reason)
    t.is(await caught(evaluate(model, loader, { signal })), signal.reason)
    t.is(getEventListeners(signal, 'abort').length, 0)
  }
  t.deepEqual(await model.stateDict(), before)
})

test('abort stops a test, and one whose data hangs', async (t) => {
  await using model = await toyModel()
  const controller = new AbortController()
  const samples = movingDotSamples(8)
  const get = async (index: number): Promise<Sample> => {
    if (index < 8) return samples[index]!
    setImmediate(() => controller.abort('late'))
    return new Promise<Sample>(() => undefined)
  }
  const hanging = new DataLoader({ length: 80, get }, { batchSize: 4 })
  t.is(await caught(evaluate(model, hanging, { signal: controller.signal })), 'late')
  t.is((await evaluate(model, movingDotLoader(16))).samples, 16)
})

test('abort does not wait for a callback that hangs', async (t) => {
  await using model = await toyModel()
  const controller = new AbortController()
  const onBatch = async (): Promise<void> => {
    setImmediate(() => controller.abort('late'))
    return new Promise(() => undefined)
  }
  const work = train(model, movingDotLoader(64), { optimizer: new Adam(model), signal: controller.signal, onBatch })
  t.is(await caught(work), 'late')
})

test('abort ends an iterable source', async (t) => {
  await using model = await toyModel()
  const controller = new AbortController()
  let isClosed = false
  const source: AsyncIterable<Sample> = {
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) yield* movingDotSamples(16)
      } finally {
        isClosed = true
      }
    },
  }
  const onBatch = ({ step }: { step: number }): void => {
    if (step === 3) controller.abort('done')
  }
  const optimizer = new Adam(model)
  t.is(await caught(train(model, new DataLoader(source), { optimizer, signal: controller.signal, onBatch })), 'done')
  await until(() => isClosed)
  t.pass('the source was ended')
})

test('listeners are removed after success and after an error as well', async (t) => {
  await using model = await toyModel()
  const { signal } = new AbortController()
  const optimizer = new Adam(model)
  await train(model, movingDotLoader(32), { optimizer, signal })
  await evaluate(model, movingDotLoader(32), { signal })
  await caught(train(model, new DataLoader([]), { optimizer, signal }))
  t.is(getEventListeners(signal, 'abort').length, 0)
})
