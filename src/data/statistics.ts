/** Statistics of a loader's samples: ranges and moments of each channel, counts of each class. */
import { openBatches, peekBatches } from './data-loader'
import { unwrap } from '../errors'
import { native } from '../native'
import type { AbortScope } from '../common/abort'
import type { BatchStream, DataLoader } from './data-loader'
import type { NativeStatistics } from '../native'

/** How much is looked at. */
export interface PeekLimits {
  readonly batches: number
  readonly milliseconds: number
  /** What a target belongs to, by the model's head: targets of padded frames are not counted. */
  readonly targetsPer: 'clip' | 'frame'
}

/** Reads an epoch of a loader. */
export async function profile(loader: DataLoader, abort: AbortScope): Promise<NativeStatistics> {
  return read(openBatches(loader), { batches: Infinity, milliseconds: Infinity, targetsPer: 'clip' }, abort)
}

/** Reads the beginning of the next epoch without beginning it. `undefined` for an iterable, which this would use up. */
export async function peek(
  loader: DataLoader,
  limits: PeekLimits,
  abort: AbortScope,
): Promise<NativeStatistics | undefined> {
  const batches = peekBatches(loader)
  return batches && read(batches, limits, abort)
}

async function read(batches: BatchStream, limits: PeekLimits, abort: AbortScope): Promise<NativeStatistics> {
  const began = performance.now()
  try {
    abort.throwIfAborted()
    const data = new (native().NativeDataStatistics)()
    for (let count = 0; count < limits.batches && performance.now() - began < limits.milliseconds; count++) {
      const next = await abort.race(batches.next())
      if (next.done === true) break
      unwrap(await abort.race(data.add(next.value.toNative(), limits.targetsPer === 'frame')))
    }
    return data.read()
  } finally {
    void batches.close().catch(() => undefined) //       a source that hangs must not keep the caller waiting
  }
}
