import { setImmediate } from 'node:timers/promises'
import { AbortScope, checkSignal, throwIfAborted } from '../common/abort'
import { checkCallback, describe } from '../common/checks'
import { dataError } from './data-error'
import { askFor, isPromise } from './data-source'
import { ZoetropeError } from '../errors'
import type { Dataset, Sample } from './dataset'

/** How far a walk over samples has come. */
export interface ScanProgress {
  /** Samples read. */
  readonly done: number
  /** Samples to read. */
  readonly total: number
}

/** Options of functions that read every sample once. */
export interface ScanOptions {
  /** Stops the work; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /** Called now and then with how many samples have been read. What it throws, or a promise of its rejects with, ends the work. */
  readonly onProgress?: ((progress: ScanProgress) => unknown) | undefined
}

export const SCAN_KEYS = ['signal', 'onProgress']

const SIDE_BY_SIDE = 32 //      samples asked for at once
const TURN = 8 //               milliseconds that the event loop waits at most, but for the dataset itself

/** Checks the options of a walk, and returns what it checked. */
export function checkScanOptions({ signal, onProgress }: ScanOptions): ScanOptions {
  checkCallback(onProgress, 'onProgress')
  return { signal: checkSignal(signal, 'signal'), onProgress }
}

/**
 * Calls `visit` once with each of the `total` samples, in any order. The event loop has its turns in between. A sample
 * is visited before the next one is asked for, so a dataset may use one buffer for all samples.
 */
export async function scan(
  dataset: Dataset,
  total: number,
  visit: (sample: Sample, index: number) => void,
  { signal, onProgress }: ScanOptions,
): Promise<void> {
  const scope = new AbortScope(signal)
  const turns = new Turns(signal)
  try {
    for (let start = 0; start < total; start += SIDE_BY_SIDE) {
      const end = Math.min(start + SIDE_BY_SIDE, total)
      await scope.race(visitRange(dataset, visit, start, end))
      const told = onProgress?.({ done: end, total }) //     the promise of an async function
      await scope.race(told)
      await turns.take()
    }
  } finally {
    scope.release()
  }
}

/** Long work that lets the event loop have its turns, and stops when a signal aborts. */
export class Turns {
  readonly #signal: AbortSignal | undefined
  #last = performance.now()

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  /** Waits for a turn when the last was long enough ago. */
  async take(): Promise<void> {
    throwIfAborted(this.#signal)
    if (performance.now() - this.#last < TURN) return
    await setImmediate()
    this.#last = performance.now()
  }
}

async function visitRange(
  dataset: Dataset,
  visit: (sample: Sample, index: number) => void,
  start: number,
  end: number,
): Promise<void> {
  const waiting: Promise<void>[] = []
  const state = { hasFailed: false }
  const visitOne = async (index: number): Promise<void> => {
    let sample: Sample
    try {
      const asked = askFor(dataset, index)
      sample = isPromise(asked) ? await asked : asked
    } catch (cause) {
      state.hasFailed = true //             the first failure ends the range
      throw dataError(index, cause)
    }
    if (typeof sample !== 'object' || sample === null) {
      const message = `Expected { input, target } from the dataset at index ${index}, received ${describe(sample)}`
      throw new ZoetropeError('ERR_DATA', message, { index })
    }
    visit(sample, index)
  }
  for (let index = start; index < end && !state.hasFailed; index++) waiting.push(visitOne(index))
  await Promise.all(waiting)
}
