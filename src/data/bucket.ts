/** Batches of clips of similar length, so that little padding is computed. */
import { permutation } from '../common/permutation'

/** How many batches are looked at at once where the user says nothing. */
export const DEFAULT_BUCKET = 100

/**
 * Cuts an epoch's order into batches of clips of similar length: of every `size` batches' worth of clips the lengths
 * are sorted, and the batches made of them come in an order of their own. A pure function of its arguments.
 *
 * With `dropLast` the clips that are too many are the last of the order, whatever their lengths.
 */
export function bucketByLength(
  order: Uint32Array,
  lengths: (index: number) => number,
  options: { batchSize: number; size: number; dropLast: boolean; shuffle: boolean; seed: number; epoch: number },
): Uint32Array[] {
  const { batchSize, size, dropLast, shuffle, seed, epoch } = options
  const count = dropLast ? order.length - (order.length % batchSize) : order.length
  const batches: Uint32Array[] = []
  for (let start = 0; start < count; start += size * batchSize) {
    const bucket = order.slice(start, Math.min(start + size * batchSize, count))
    const keys = new Map(Array.from(bucket, (index) => [index, lengths(index)]))
    bucket.sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0))
    for (let first = 0; first < bucket.length; first += batchSize) {
      batches.push(bucket.subarray(first, first + batchSize))
    }
  }
  if (!shuffle) return batches
  return Array.from(permutation(batches.length, seed, epoch), (at) => batches[at] ?? new Uint32Array(0))
}
