/** Training, testing and auditing, and what they are given: optimizers, schedules, samples. */
import * as zoetrope from 'zoetrope'
import { HYPER_PARAMETERS, anOptimizer, api, fitOptions, loaderOf, optimizerArgs, trainOptions, use } from './target'
import { loaderOptions } from './data'
import { samples, timedSignal } from './world'
import type { AnyCnnLstm } from 'zoetrope'
import type { Random } from '../random'
import type { Target } from './target'

/** A call on a model of its own: what it does to the weights must leave them finite. */
function onFresh(
  name: string,
  args: (model: AnyCnnLstm, random: Random) => unknown[],
  call: (args: unknown[], model: AnyCnnLstm, random: Random) => unknown,
): Target {
  let model: AnyCnnLstm
  return {
    name,
    args: async (world, random) => args((model = await world.fresh(random)), random),
    call: async (values, _, random) => {
      try {
        await call(values, model, random)
        for (const [parameter, { data }] of await model.stateDict()) {
          // A batch norm's running statistics overflow, as in PyTorch, at values whose squares are beyond float32.
          if (!parameter.includes('.running_') && !data.every(Number.isFinite))
            throw new Error(`${parameter} is not finite after a call that resolved`)
        }
      } finally {
        await model.dispose()
      }
    },
  }
}

export const loops: readonly Target[] = [
  onFresh(
    'train',
    (model, random) => [model, loaderOf(model, random), trainOptions(model, random)],
    (args) => api.train!(...args),
  ),
  onFresh(
    'test',
    (model, random) => [model, loaderOf(model, random), { signal: timedSignal(300), progress: true, auc: true }],
    (args) => api.test!(...args),
  ),
  onFresh(
    'accuracyByFrames',
    (model, random) => [
      model,
      random.chance(0.5) ? loaderOf(model, random) : samples(model, random),
      { ...random.pick<object>([{ frames: [1, 3] }, { shares: 3 }, {}]), batchSize: 2, signal: timedSignal(300) },
    ],
    (args) => api.accuracyByFrames!(...args),
  ),
  {
    name: 'accuracySvg',
    args: () => [[{ frames: 1, accuracy: 0.5, correct: 1, samples: 2, loss: 1 }], { title: 'how early' }],
    call: (args) => api.accuracySvg!(...args),
  },
  onFresh(
    'audit',
    (model, random) => [
      model,
      loaderOf(model, random),
      { validation: loaderOf(model, random), print: () => undefined, signal: timedSignal(300) },
    ],
    (args) => api.audit!(...args),
  ),
  onFresh(
    'fit',
    (model, random) => [model, fitOptions(model, random)],
    async (args) => {
      let epochs = 0
      for await (const _ of api.fit!(...args) as AsyncIterable<unknown>) if (++epochs === 3) break
    },
  ),
  ...Object.keys(HYPER_PARAMETERS).map((name) =>
    onFresh(
      name,
      (model, random) => optimizerArgs(name, model, random),
      async (args, model, random) => use(model, new api[name]!(...args), random),
    ),
  ),
  onFresh(
    'optimizer.learningRate',
    () => [0.1, 1],
    async ([learningRate, steps], model, random) => {
      await use(model, Object.assign(anOptimizer(model, random), { learningRate, steps }), random)
    },
  ),
  onFresh(
    'samples',
    (model, random) => [samples(model, random), loaderOptions(random)],
    async (args, model) => {
      const loader = new api.DataLoader!(...args)
      await api.train!(model, loader, {
        optimizer: new zoetrope.Sgd(model, { learningRate: 0.01 }),
        signal: timedSignal(300),
      })
      await api.test!(model, loader, { signal: timedSignal(300) })
    },
  ),
]

const SCHEDULES: Record<string, unknown[]> = {
  constant: [],
  stepDecay: [{ stepSize: 2, gamma: 0.5 }],
  cosine: [{ tMax: 4, etaMin: 0.001 }],
  oneCycle: [
    { totalSteps: 10, pctStart: 0.3, annealStrategy: 'cos', divFactor: 25, finalDivFactor: 1e4, threePhase: true },
  ],
  warmup: [2, zoetrope.constant(), { startFactor: 0.1 }],
  reduceOnPlateau: [
    {
      metric: 'loss',
      mode: 'min',
      factor: 0.1,
      patience: 1,
      threshold: 0.1,
      thresholdMode: 'rel',
      cooldown: 0,
      minLearningRate: 0,
      eps: 0,
    },
  ],
}

export const schedules: readonly Target[] = Object.entries(SCHEDULES).map(([name, args]) =>
  onFresh(
    name,
    () => structuredCloneExceptFunctions(args),
    async (values, model, random) => {
      const optimizer = new zoetrope.Sgd(model, {
        learningRate: 0.01,
        schedule: api[name]!(...values) as zoetrope.Schedule,
      })
      const [train, validation] = [loaderOf(model, random), loaderOf(model, random)]
      await zoetrope.fit(model, { train, validation, epochs: 2, optimizer, audit: false, signal: timedSignal(300) })
    },
  ),
)

function structuredCloneExceptFunctions(values: readonly unknown[]): unknown[] {
  return values.map((value) => (typeof value === 'function' ? value : structuredClone(value)))
}
