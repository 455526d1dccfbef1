/** Orders the jobs that write strings. */
import { AbortScope } from '../common/abort'
import { unwrap } from '../errors'
import { native } from '../native'
import { nameOf, toGenerated } from './generation'
import type { CheckedGeneration, Generated } from './generation'
import type { ModelHandle } from './handle'
import type { NativeBatch } from '../native'

/**
 * Clips of one job. The model's other work goes on between two jobs, and an answer depends neither on its job nor on the
 * clips there.
 */
const CLIPS_PER_JOB = 8

/** Checked clips of `[batch, …]`. */
interface Clips {
  readonly data: Float32Array | Uint8Array
  readonly shape: readonly number[]
  readonly lengths: Int32Array | null
}

/** The strings of some clips, in order. */
export async function writeAll<Label extends string>(
  handle: ModelHandle,
  clips: Clips,
  { native: options, signal }: CheckedGeneration,
  classes: readonly Label[],
): Promise<Generated<Label>[]> {
  const batches = batchesOf(clips) //                          copied before the first wait
  const abort = new AbortScope(signal)
  const generation = handle.native.beginGeneration(options)
  abort.onAbort(() => generation.cancel())
  try {
    abort.throwIfAborted()
    const strings = []
    for (const batch of batches) {
      const written = await abort.race(handle.run(() => generation.generate(batch)))
      strings.push(...written.map((string) => toGenerated(string, classes)))
    }
    return strings
  } finally {
    abort.release()
  }
}

/** A batch for every job. */
function batchesOf({ data, shape, lengths }: Clips): NativeBatch[] {
  const [count = 0, ...rest] = shape
  const size = rest.reduce((product, axis) => product * axis, 1)
  return Array.from({ length: Math.ceil(count / CLIPS_PER_JOB) }, (_, job) => {
    const from = job * CLIPS_PER_JOB
    const to = Math.min(from + CLIPS_PER_JOB, count)
    const part = data.subarray(from * size, to * size)
    const ownLengths = lengths?.subarray(from, to) ?? null
    return unwrap(native().NativeBatch.fromArrays(part, [to - from, ...rest], ownLengths, null))
  })
}

/** The labels of one clip's string as they are written, and at the end the string. */
export async function* writeTokens<Label extends string>(
  handle: ModelHandle,
  batch: NativeBatch,
  { native: options, signal }: CheckedGeneration,
  classes: readonly Label[],
): AsyncGenerator<Label, Generated<Label>, undefined> {
  const abort = new AbortScope(signal)
  const generation = handle.native.beginGeneration(options)
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
