/** What a function of the package is called with, and what calls are made of. */
import * as zoetrope from 'zoetrope'
import { samples, source, timedSignal } from './world'
import type { AnyCnnLstm, DataLoader } from 'zoetrope'
import type { Random } from '../random'
import type { World } from './world'

type Loose = (...args: unknown[]) => unknown
type LooseClass = new (...args: unknown[]) => object

/** A function of the package. */
export interface Target {
  readonly name: string
  /** Arguments that work, made anew for each call. */
  readonly args: (world: World, random: Random) => unknown[] | Promise<unknown[]>
  readonly call: (args: unknown[], world: World, random: Random) => unknown
  /** What a call may take, where that is more than others may. */
  readonly limits?: Limits
}

/** Tells the report what a scenario chose. */
export type Note = (detail: string) => void

/** Milliseconds to settle and of one turn of the event loop, and MiB of memory. */
export interface Limits {
  readonly settle: number
  readonly turn: number
  readonly growth: number
}

/** The package as a program without types sees it. */
export const api = zoetrope as unknown as Record<string, Loose & LooseClass>

/** Calls `name` of the object with whatever arguments. */
export function method(object: unknown, name: string, args: unknown[]): unknown {
  return (object as Record<string, Loose>)[name]!(...args)
}

export function loaderOf(model: AnyCnnLstm, random: Random): DataLoader {
  return new api.DataLoader!(samples(model, random), { batchSize: 2, shuffle: random.chance(0.5) }) as DataLoader
}

export const HYPER_PARAMETERS: Record<string, object> = {
  Adam: { betas: [0.9, 0.99], eps: 1e-8 },
  AdamW: { betas: [0.9, 0.99], eps: 1e-8 },
  RMSprop: { alpha: 0.9, eps: 1e-8, momentum: 0.5, centered: true },
  Sgd: { momentum: 0.5, nesterov: true },
}

export function optimizerArgs(name: string, model: AnyCnnLstm, random: Random): unknown[] {
  const groups = random.chance(0.3) ? [{ prefix: 'lstm', learningRate: 0.01 }] : undefined
  const schedule = random.chance(0.3) ? zoetrope.cosine({ tMax: 10 }) : undefined
  return [
    model,
    { learningRate: 0.01, weightDecay: 0.01, ...structuredClone(HYPER_PARAMETERS[name]), groups, schedule },
  ]
}

export function anOptimizer(model: AnyCnnLstm, random: Random): object {
  const name = random.pick(Object.keys(HYPER_PARAMETERS))
  return new api[name]!(...optimizerArgs(name, model, random))
}

export function trainOptions(model: AnyCnnLstm, random: Random) {
  const loss =
    model.config.head.kind === 'classification' ? { labelSmoothing: 0.1, classWeights: [1, 2, 1] } : undefined
  return {
    optimizer: anOptimizer(model, random),
    loss,
    clipNorm: 1,
    clipValue: 0.5,
    accumulate: 2,
    signal: timedSignal(300),
    onBatch: () => undefined,
    reportEvery: 1,
    progress: true,
  }
}

export const fitOptions = (model: AnyCnnLstm, random: Random) => ({
  ...trainOptions(model, random),
  train: loaderOf(model, random),
  validation: random.pick<unknown>([0.3, loaderOf(model, random), undefined]),
  epochs: 2,
  initialEpoch: 0,
  best: 'loss',
  earlyStopping: { patience: 1, minDelta: 0, metric: 'loss' },
  ema: { decay: 0.9 },
  onEpoch: () => undefined,
  audit: random.chance(0.1),
  featureCache: random.pick<unknown>([undefined, true, false, { limit: 1000 }]),
})

/** Trains a little with what a call made, so that what the door let in is used. */
export async function use(model: AnyCnnLstm, optimizer: unknown, random: Random): Promise<void> {
  const options = { optimizer, signal: timedSignal(300) }
  await api.train!(model, loaderOf(model, random), options)
  await api.test!(model, loaderOf(model, random), { signal: timedSignal(300) })
}

export async function firstBatches(loader: object): Promise<void> {
  let batches = 0
  for await (const _ of loader as AsyncIterable<unknown>) if (++batches === 3) break
}

/** The samples of the shared model, as one of the kinds of datasets. */
export const dataset = async (world: World, random: Random) => source(samples(await world.shared(), random), random)

/** Lets the call throw what the arguments deserve: other targets look at the kinds of errors. */
export async function tolerate(call: () => unknown): Promise<void> {
  try {
    await call()
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError || error instanceof zoetrope.ZoetropeError))
      throw error
  }
}
