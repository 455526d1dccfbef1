/** One sweep over a loader, training or testing: the part that both have in common. */
import { checkAlignable } from '../data/alignable'
import { loaderParts, openBatches } from '../data/data-loader'
import { ZoetropeError } from '../errors'
import { JOBS_IN_FLIGHT } from '../model/handle'
import { compared } from './forecast-metrics'
import { accuracy } from './metrics'
import type { AbortScope } from '../common/abort'
import type { DataLoader } from '../data/data-loader'
import type { Outcome } from '../errors'
import type { LoadedBatch } from '../data/loaded-batch'
import type { CheckedLoss } from '../model/loss'
import type { FeatureCache } from '../model/feature-cache'
import type { ModelHandle } from '../model/handle'
import type { NativeBatch, NativeCounts, NativeMetrics, NativePass } from '../native'
import type { HeadConfig } from '../config/head'
import type { ProgressLine } from '../common/progress'

/** The state of a pass after a step. `onBatch` is called with it. */
export interface BatchReport {
  /** Batches of this epoch that are done, from 1. */
  readonly step: number
  /** Batches in the epoch; `undefined` when the loader cannot tell. */
  readonly steps: number | undefined
  /** Samples of this epoch that are done. */
  readonly samples: number
  /** Mean loss over the epoch's samples up to the latest reading, see `reportEvery`. */
  readonly loss: number
  /** Share of right predictions, 0…1, up to the latest reading; not a number for a regression. */
  readonly accuracy: number
  /** The rate of the update that this batch is part of, for parameters in no group. */
  readonly learningRate: number
  /**
   * Norm of all gradients as one vector before clipping, of the last update before the latest reading; `undefined`
   * before the first update.
   */
  readonly gradientNorm: number | undefined
}

/** A step that is ready for the engine. */
export interface PreparedStep {
  readonly job: () => Promise<Outcome<undefined>>
  readonly learningRate: number
  /** Called when the step was not made: it failed, or the engine never got to it. */
  readonly undo?: (() => void) | undefined
}

export interface PassPlan {
  readonly handle: ModelHandle
  readonly loader: DataLoader
  readonly abort: AbortScope
  readonly progress: ProgressLine
  /** Prepares a step; the job it returns is run when the engine has a place. */
  readonly prepare: (pass: NativePass, batch: NativeBatch) => PreparedStep
  /** Work after the last step. */
  readonly finish?: (pass: NativePass) => Pick<PreparedStep, 'job' | 'undo'> | undefined
  readonly head: HeadConfig
  /** Options of the training loss. */
  readonly loss?: CheckedLoss
  /** Whether what evaluated predictions are counted by is wanted. Default false. */
  readonly keepsCounts?: boolean
  /** Whether the areas under the ROC curve are wanted. Default false. */
  readonly keepsRanking?: boolean
  /** Where features of the loader's samples are kept. Default nowhere. */
  readonly features?: FeatureCache | undefined
  readonly onBatch: ((report: BatchReport) => unknown) | undefined
  /** Steps between two readings of loss and accuracy. */
  readonly reportEvery: number
}

export interface PassResult {
  readonly metrics: NativeMetrics
  /** Where they were wanted. */
  readonly counts: NativeCounts | undefined
  /** Of each class or label, where they were wanted. */
  readonly areas: number[] | undefined
  readonly seconds: number
}

/** A step that was handed to the engine. */
interface Step {
  readonly step: number
  readonly samples: number
  readonly learningRate: number
  readonly done: Promise<undefined>
  readonly reading: Promise<NativeMetrics> | undefined
  readonly recycle: () => void
}

/**
 * Hands batch after batch to the engine, two at a time: while one is computed the next is ready, and the loader makes
 * those after it. Rejects with the signal's reason, the first error of data, engine or callback, or as soon as the model is
 * disposed of; by then no step of this pass is running or will.
 */
export async function runPass(plan: PassPlan): Promise<PassResult> {
  const { handle, loader, abort, progress, keepsCounts = false, keepsRanking = false } = plan
  abort.throwIfAborted()
  const began = performance.now()
  if (plan.head.kind === 'ctc') checkAlignable(loaderParts(loader).source)
  const pass = handle.beginPass(plan.loss, keepsRanking)
  const batches = openBatches(loader, plan.features)
  const inFlight: Step[] = []
  const settle = follow(plan, began)
  let ending: Promise<NativeMetrics> | undefined
  abort.onAbort(() => pass.cancel())
  const forget = handle.onDispose((error) => abort.end(error)) //      nobody waits for data of a model that is gone
  try {
    let samples = 0
    for (let step = 1; ; step++) {
      const next = await abort.race(batches.next())
      if (next.done === true) break
      const batch = await current(next.value, abort)
      samples += batch.samples
      inFlight.push(submit(plan, pass, { step, samples, batch }))
      if (inFlight.length >= JOBS_IN_FLIGHT) await settle(inFlight)
    }
    if (samples === 0) throw noSamples(loader)
    ending = end(plan, pass)
    ending.catch(() => undefined) //                     a step that failed before it is met first
    while (inFlight.length > 0) await settle(inFlight)
    const metrics = await ending
    const counts = keepsCounts ? await handle.run(() => pass.counts()) : undefined
    const areas = keepsRanking ? await handle.run(() => pass.areas()) : undefined
    abort.throwIfAborted()
    return { metrics, counts, areas, seconds: (performance.now() - began) / 1000 }
  } catch (error) {
    pass.cancel()
    void batches.close().catch(() => undefined) //       a source that hangs must not keep the caller waiting
    await Promise.allSettled([...inFlight.flatMap(({ done, reading }) => [done, reading]), ending])
    abort.throwIfAborted()
    throw error
  } finally {
    forget()
    progress.clear()
  }
}

/** A batch that fits the model as it now is: one without frames is loaded again where its features do not hold. */
async function current(batch: LoadedBatch, abort: AbortScope): Promise<LoadedBatch> {
  for (let again = batch.again?.(); again !== undefined; again = batch.again?.()) batch = await abort.race(again)
  return batch
}

/** Queues a step, and the reading that belongs to it right behind, before any later step. */
function submit(plan: PassPlan, pass: NativePass, next: { step: number; samples: number; batch: LoadedBatch }): Step {
  const { step, samples, batch } = next
  const { job, learningRate, undo } = plan.prepare(pass, batch.toNative())
  const done = plan.handle.run(job)
  done.catch(() => undo?.())
  const reading = isReported(plan, step) ? plan.handle.run(() => pass.metrics()) : undefined
  for (const promise of [done, reading]) promise?.catch(() => undefined) //      settle() meets the error in its turn
  return { step, samples, learningRate, done, reading, recycle: () => batch.recycle?.() }
}

/** Queues the work after the last step, and then the reading of the pass's metrics. */
async function end({ handle, finish }: PassPlan, pass: NativePass): Promise<NativeMetrics> {
  const last = finish?.(pass)
  const updated = last === undefined ? Promise.resolve(last) : handle.run(last.job)
  updated.catch(() => last?.undo?.())
  const [, metrics] = await Promise.all([updated, handle.run(() => pass.metrics())])
  return metrics
}

function isReported({ loader, onBatch, progress, reportEvery }: PassPlan, step: number): boolean {
  if (onBatch === undefined && !progress.isShown) return false
  return step === 1 || step % reportEvery === 0 || step === loader.length
}

/** Waits for the oldest step, then tells the callback and the progress line about it. */
function follow(plan: PassPlan, began: number): (inFlight: Step[]) => Promise<void> {
  let latest: NativeMetrics | undefined
  const { progress } = plan
  return async (inFlight) => {
    const [oldest] = inFlight
    if (oldest === undefined) return
    const { step, samples, learningRate, done, reading, recycle } = oldest
    await done
    recycle()
    latest = (await reading) ?? latest
    inFlight.shift()
    plan.abort.throwIfAborted()
    const steps = plan.loader.length
    const loss = latest?.loss
    const share = latest && accuracy(latest, plan.head)
    const samplesPerSecond = (samples * 1000) / (performance.now() - began)
    const notes = [latest?.forecast && compared(latest.forecast), progress.isShown && plan.features?.note()]
    progress.update({ step, steps, loss, accuracy: share, notes: notes.filter(isText), samplesPerSecond })
    if (plan.onBatch === undefined || latest === undefined || loss === undefined || share === undefined) return
    const { gradientNorm } = latest
    await plan.abort.race(plan.onBatch({ step, steps, samples, loss, accuracy: share, learningRate, gradientNorm }))
  }
}

function isText(note: string | false | undefined): note is string {
  return typeof note === 'string'
}

function noSamples({ length }: DataLoader): ZoetropeError {
  const hint =
    length === undefined
      ? 'a generator object gives its samples once; pass an object that can be iterated again'
      : 'the dataset is empty, or `dropLast` left nothing'
  return new ZoetropeError('ERR_DATA', `Expected at least one batch in the epoch, received none: ${hint}`, { length })
}
