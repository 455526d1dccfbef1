/** Hostile courses of events: a model disposed of in the middle, arrays changed after a call, signals, two calls at once. */
import { DataLoader, Sgd, fit, test, train } from 'zoetrope'
import * as zoetrope from 'zoetrope'
import { ABORT_REASON, UserError, detached, thenable } from '../values'
import { inAWorker, overriddenGet, subclasses, wrongThis } from './classes'
import { array, samples, timedSignal } from './world'
import type { AnyCnnLstm, NdArray } from 'zoetrope'
import type { Random } from '../random'
import type { Note } from './target'
import type { World } from './world'

/** A course of events; throws what a call of it threw, or an error of its own for a wrong result. */
export interface Scenario {
  readonly name: string
  readonly run: (random: Random, world: World, note: Note) => Promise<unknown>
}

const pause = async (random: Random): Promise<void> => {
  for (let turns = random.below(6); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
}

const loaderOf = (model: AnyCnnLstm, random: Random) => new DataLoader(samples(model, random), { batchSize: 2 })
const optimizerOf = (model: AnyCnnLstm) => new Sgd(model, { learningRate: 0.01 })

/** Calls on a model that go on while something happens. */
const CALLS: readonly (readonly [string, (model: AnyCnnLstm, random: Random) => Promise<unknown>])[] = [
  ['train', (model, random) => train(model, loaderOf(model, random), { optimizer: optimizerOf(model) })],
  ['test', (model, random) => test(model, loaderOf(model, random))],
  [
    'fit',
    async (model, random) =>
      fit(model, {
        train: loaderOf(model, random),
        epochs: 3,
        best: 'loss',
        optimizer: optimizerOf(model),
        audit: false,
      }),
  ],
  [
    'audit',
    (model, random) => zoetrope.audit(model, loaderOf(model, random), { print: null, signal: timedSignal(200) }),
  ],
  [
    'predict',
    (model, random) =>
      model.predict(
        samples(model, random)
          .slice(0, 1)
          .map(({ input }) => ({ data: input.data, shape: [1, ...input.shape] }))[0]!,
      ),
  ],
  ['stateDict', (model) => model.stateDict()],
  ['loadStateDict', async (model) => model.loadStateDict(await model.stateDict())],
  ['freeze', (model) => model.freeze('')],
]

/** Every call of `calls` ends; the first error that is no ordinary one is thrown. */
async function ends(calls: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === 'rejected') throw result.reason
  }
}

async function disposeInTheMiddle(random: Random, world: World): Promise<void> {
  const model = await world.fresh(random)
  const calls = Array.from({ length: 1 + random.below(3) }, () => random.pick(CALLS)[1](model, random))
  const ended = ends(calls)
  ended.catch(() => undefined)
  await pause(random)
  await Promise.all([model.dispose(), model.dispose()])
  await ended
}

async function callAfterDispose(random: Random, world: World): Promise<void> {
  const model = await world.fresh(random)
  const loader = loaderOf(model, random)
  const optimizer = optimizerOf(model)
  await model.dispose()
  const calls = [
    ...CALLS.slice(4).map(([, call]) => call),
    () => train(model, loader, { optimizer }),
    () => test(model, loader),
  ]
  const { name, code } = (await random
    .pick(calls)(model, random)
    .then(
      () => ({ name: 'success', code: '' }),
      (error: unknown) => error,
    )) as { name: string; code: string }
  if (code !== 'ERR_DISPOSED') throw new Error(`a call on a disposed model ends in ${name} ${code}`)
}

async function atOnce(random: Random, world: World): Promise<void> {
  const model = await world.fresh(random)
  try {
    await ends(Array.from({ length: 2 + random.below(3) }, () => random.pick(CALLS)[1](model, random)))
  } finally {
    await model.dispose()
  }
}

/** "The arrays may be changed as soon as the call returns." */
async function arraysChangeAfterwards(random: Random, world: World): Promise<void> {
  const model = await world.shared()
  const clips = array([2, 2, 1, 4, 4], random)
  const expected = await model.logits(clips)
  const state = [...(await model.stateDict())]
  const copy = structuredClone(clips)
  const change = (data: NdArray['data']): unknown => (random.chance(0.5) ? detached(data) : data.fill(7))
  const running = model.logits(copy)
  change(copy.data)
  ;(copy.shape as number[])[0] = 9
  const entries = state.map(([name, { data, shape }]) => [name, { data: data.slice(), shape }] as const)
  const loading = model.loadStateDict(entries)
  for (const [, { data }] of entries) change(data)
  const results = [await running, await loading.then(() => model.logits(clips))]
  await model.loadStateDict(state)
  for (const { data } of results) {
    if (data.some((value, index) => value !== expected.data[index]))
      throw new Error('a change after the call came through')
  }
}

/** Data that never comes, and a signal: the signal must win. */
async function never(random: Random, world: World, note: Note): Promise<void> {
  const model = await world.fresh(random)
  const signal = random.chance(0.2) ? AbortSignal.abort(ABORT_REASON) : timedSignal(1 + random.below(30))
  const stuck = random.pick<() => unknown>([
    () => new Promise(() => undefined),
    () => thenable(() => undefined),
  ]) as () => never
  const data = random.pick<unknown>([
    { length: 12, get: stuck },
    { [Symbol.asyncIterator]: () => ({ next: stuck }) },
  ]) as { length: 12; get: () => never }
  const loader = new DataLoader(data, { batchSize: 2, prefetch: random.below(3) })
  const good = loaderOf(model, random)
  const optimizer = optimizerOf(model)
  const calls: readonly (() => Promise<unknown>)[] = [
    () => train(model, loader, { optimizer, signal }),
    () => test(model, loader, { signal }),
    async () =>
      fit(model, { train: loader, validation: random.pick([0.3, undefined, good]), epochs: 1, optimizer, signal }),
    async () => fit(model, { train: good, validation: loader, epochs: 1, optimizer, signal }),
    async () => fit(model, { train: good, epochs: 1, optimizer, signal, onEpoch: stuck }),
    () => train(model, good, { optimizer, signal, onBatch: stuck }),
    () =>
      zoetrope.audit(model, random.pick([loader, good]), {
        print: null,
        validation: random.pick([loader, good]),
        signal,
      }),
    () => zoetrope.normalization(data, { signal }),
    () => zoetrope.balancedWeights(data, { signal }),
    () => zoetrope.split(data, { fractions: { train: 0.5, test: 0.5 }, signal }),
    () => zoetrope.checkLeakage({ train: data, test: data }, { signal }),
  ]
  try {
    await noted(calls, random, note)()
  } finally {
    await model.dispose()
  }
}

/** Callbacks that throw, or reject where nothing waits for them. */
async function callbacks(random: Random, world: World, note: Note): Promise<void> {
  const model = await world.fresh(random)
  const error = new UserError('thrown by a callback')
  const bad = random.pick<() => unknown>([
    () => {
      throw error
    },
    async () => Promise.reject(error),
    () => thenable((_, reject) => reject(error)),
  ]) as () => never
  const loader = loaderOf(model, random)
  const list = samples(model, random)
  const optimizer = optimizerOf(model)
  const calls: readonly (() => unknown)[] = [
    () => train(model, loader, { optimizer, onBatch: bad }),
    async () => fit(model, { train: loader, epochs: 2, optimizer, onEpoch: bad }),
    async () => fit(model, { train: loader, epochs: 2, optimizer, onBatch: bad, audit: false }),
    () => zoetrope.audit(model, loader, { print: bad, signal: timedSignal(200) }),
    () => model.summary({ print: bad }),
    () => train(model, loader, { optimizer: new Sgd(model, { schedule: bad }) }),
    () => zoetrope.split(list, { fractions: { train: 0.5, test: 0.5 }, onProgress: bad }),
    () => zoetrope.split(list, { fractions: { train: 0.5, test: 0.5 }, by: bad }),
    () => zoetrope.normalization(list, { onProgress: bad } as object),
    () => zoetrope.balancedWeights(list, { onProgress: bad }),
    () => zoetrope.checkLeakage({ train: list, test: list }, { onProgress: bad, allow: true }),
  ]
  try {
    await noted(calls, random, note)()
  } finally {
    await model.dispose()
  }
}

/** One of the calls, whose text the report shows. */
function noted(calls: readonly (() => unknown)[], random: Random, note: Note): () => unknown {
  const call = random.pick(calls)
  note(call.toString().replace(/\s+/g, ' '))
  return call
}

export const scenarios: readonly Scenario[] = [
  { name: 'dispose in the middle', run: disposeInTheMiddle },
  { name: 'a call after dispose', run: callAfterDispose },
  { name: 'calls at once', run: atOnce },
  { name: 'arrays change after the call', run: arraysChangeAfterwards },
  { name: 'data that never comes', run: never },
  { name: 'callbacks that fail', run: callbacks },
  { name: 'a subclass that overrides get', run: overriddenGet },
  { name: 'a wrong this', run: wrongThis },
  { name: 'a wrong this again', run: wrongThis }, //     many methods, and quick
  { name: 'subclasses', run: subclasses },
  { name: 'a worker', run: async (random) => (random.chance(0.1) ? inAWorker(random) : undefined) }, //    slow
]
