import { AbortScope } from '../common/abort'
import { Turns } from '../data/scan'
import type { ScanOptions } from '../data/scan'

/** Pieces of work that are begun before the first of them has ended. */
const AT_ONCE = 64

/** Does `work` for each of 0 … total − 1, some at a time. The first failure, or an abort, ends it. */
export async function sideBySide(
  total: number,
  work: (index: number) => Promise<void>,
  { signal, onProgress }: ScanOptions,
): Promise<void> {
  const scope = new AbortScope(signal)
  const turns = new Turns(signal)
  const state = { next: 0, done: 0, hasFailed: false }
  const run = async (): Promise<void> => {
    try {
      while (state.next < total && !state.hasFailed) {
        await work(state.next++)
        state.done++
        const told = onProgress?.({ done: state.done, total }) //     the promise of an async function
        await scope.race(told)
        await turns.take()
      }
    } catch (error) {
      state.hasFailed = true
      throw error
    }
  }
  try {
    scope.throwIfAborted()
    await scope.race(Promise.all(Array.from({ length: Math.min(AT_ONCE, total) }, run)))
  } finally {
    state.hasFailed = true //                an abort leaves runs behind, which begin nothing more
    scope.release()
  }
}
