/** Batches of clips of similar length, so that little padding is computed. */
import { ignoreRejection } from '../common/callbacks'
import { checkInteger, checkOptions, typeError } from '../common/checks'
import { permutation } from '../common/permutation'
import { dataError } from './data-error'
import { lengthTeller } from './subset'
import { ZoetropeError } from '../errors'
import type { Dataset } from './dataset'
import type { Order } from './order'

/** What a user says of buckets. */
export interface BucketOptions {
  readonly size?: number | undefined
}

/** How many batches are looked at at once where the user says nothing. */
const DEFAULT_BUCKET = 100

/**
 * Cuts an epoch's order into batches of clips of similar length. Each bucket has the clips of `size` batches. A bucket
 * is sorted by length, and its batches come in an order of their own. A pure function of its arguments.
 *
 * With `dropLast` the last clips of the order are left out, whatever their lengths.
 */
export function* bucketByLength(
  order: Order,
  lengths: (index: number) => number,
  options: { batchSize: number; size: number; dropLast: boolean; shuffle: boolean; seed: number; epoch: number },
): Generator<Uint32Array, void> {
  const { shuffle, seed, epoch } = options
  if (!shuffle) return yield* inTurn(order, lengths, options)
  const batches = [...inTurn(order, lengths, options)]
  for (const at of permutation(batches.length, seed, epoch)) yield batches[at] ?? new Uint32Array(0)
}

function* inTurn(
  order: Order,
  lengths: (index: number) => number,
  { batchSize, size, dropLast }: { batchSize: number; size: number; dropLast: boolean },
): Generator<Uint32Array, void> {
  const count = dropLast ? order.length - (order.length % batchSize) : order.length
  for (let start = 0; start < count; start += size * batchSize) {
    const bucket = order.take(Math.min(size * batchSize, count - start))
    const keys = new Map(Array.from(bucket, (index) => [index, lengths(index)]))
    bucket.sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0))
    for (let first = 0; first < bucket.length; first += batchSize) yield bucket.subarray(first, first + batchSize)
  }
}

/** Batches in a bucket, 0 for none. */
export function checkBucket(value: boolean | BucketOptions | undefined = false): number {
  if (typeof value === 'boolean') return value ? DEFAULT_BUCKET : 0
  if (typeof value !== 'object' || value === null) throw typeError('a boolean or { size }', 'bucketByLength', value)
  const { size = DEFAULT_BUCKET } = checkOptions(value, 'bucketByLength', ['size'])
  return checkInteger(size, 'bucketByLength.size', 1)
}

/** Whether a dataset tells the number of frames of its samples without reading them. */
export function knowsLengths(source: Dataset): boolean {
  return source.length === 0 || typeof lengthTeller(source, 0).dataset.lengthOf === 'function'
}

/** Has a dataset look up the lengths of its samples, where it has to. */
export async function measureLengths(source: Dataset): Promise<void> {
  if (source.length === 0) return
  const { dataset } = lengthTeller(source, 0)
  const measure: unknown = Reflect.get(dataset, 'measure')
  if (measure === undefined) return
  try {
    if (typeof measure !== 'function') throw typeError('a function', 'measure', measure)
    await Reflect.apply(measure, dataset, [])
  } catch (cause) {
    throw dataError(0, cause)
  }
}

/** The number of frames of a sample, as its dataset tells it. */
export function lengthAt(source: Dataset, at: number): number {
  const { dataset, index } = lengthTeller(source, at)
  let length: unknown
  try {
    const lengthOf: unknown = Reflect.get(dataset, 'lengthOf')
    if (typeof lengthOf !== 'function') throw typeError('a function', 'lengthOf', lengthOf)
    length = Reflect.apply(lengthOf, dataset, [index])
  } catch (cause) {
    if (cause instanceof ZoetropeError) throw cause
    throw dataError(at, cause)
  }
  if (typeof length !== 'number') ignoreRejection(length) //                          of an async function, which cannot tell lengths
  return checkInteger(length, `lengthOf(${at})`, 1)
}
