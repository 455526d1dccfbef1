/** Orders the jobs that write strings. */
import { AbortScope } from '../common/abort'
import { nameOf, toGenerated } from './generation'
import type { CheckedGeneration, Generated } from './generation'
import type { ModelHandle } from './handle'
import type { NativeBatch, NativeWritten } from '../native'

/**
 * Clips of one job. The model's other work goes on between two jobs, and an answer depends neither on its job nor on the
 * clips there.
 */
export const CLIPS_PER_JOB = 8

/** The strings of the clips of some batches, in order. */
export async function writeAll(
  handle: ModelHandle,
  batches: readonly NativeBatch[],
  { native, signal }: CheckedGeneration,
): Promise<NativeWritten[]> {
  const abort = new AbortScope(signal)
  const generation = handle.native.beginGeneration(native)
  abort.onAbort(() => generation.cancel())
  try {
    abort.throwIfAborted()
    const written = []
    for (const batch of batches) written.push(...(await abort.race(handle.run(() => generation.generate(batch)))))
    return written
  } finally {
    abort.release()
  }
}

/** The labels of one clip's string as they are written, and at the end the string. */
export async function* writeTokens<Label extends string>(
  handle: ModelHandle,
  batch: NativeBatch,
  { native, signal }: CheckedGeneration,
  classes: readonly Label[],
): AsyncGenerator<Label, Generated<Label>, undefined> {
  const abort = new AbortScope(signal)
  const generation = handle.native.beginGeneration(native)
  try {
    await abort.race(handle.run(() => generation.begin(batch)))
    for (;;) {
      const label = await abort.race(handle.run(() => generation.next()))
      if (label === null) break
      yield nameOf(label, classes)
    }
    return toGenerated(generation.written() ?? { labels: new Int32Array(), score: NaN }, classes)
  } finally {
    generation.cancel()
    abort.release()
  }
}
