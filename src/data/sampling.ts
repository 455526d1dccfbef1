/** Samples drawn by weight, with replacement. */
import { checkOptions, describe, rangeError, typeError } from '../common/checks'
import { copied, listOf } from '../common/list'
import { ZoetropeError } from '../errors'
import { checkListed } from './limits'
import { SCAN_KEYS, checkScanOptions, scan } from './scan'
import { checkDataset } from './subset'
import type { Dataset, Sample } from './dataset'
import type { ScanOptions } from './scan'

const TWO_TO_26 = 2 ** 26
const TWO_TO_53 = 2 ** 53

/** Checks a weight for each of so many samples, and copies them. */
export function checkWeights(weights: ArrayLike<number>, name: string, length: number): Float64Array {
  const list = listOf(weights)
  if (list === undefined) throw typeError('an array of numbers', name, weights)
  if (list.length !== length) throw rangeError(`${length} weights, one a sample`, name, weights)
  let sum = 0
  const copy = copied(list, Float64Array, (weight, at) => {
    if (typeof weight !== 'number') throw typeError('a number', `${name}[${at}]`, weight)
    if (!(weight >= 0 && weight < Infinity)) throw rangeError('a finite number of at least 0', `${name}[${at}]`, weight)
    sum += weight
    return weight
  })
  if (length > 0 && !(sum > 0 && sum < Infinity)) throw rangeError('a weight above 0', name, weights)
  return copy
}

/** Entry i is the sum of weights 0 … i. */
export function sumsOf(weights: Float64Array): Float64Array {
  let sum = 0
  return weights.map((weight) => (sum += weight))
}

/** Draws indices by weight: a uniform number of 53 bits is looked up among the sums. */
export function drawing(sums: Float64Array, next: () => number): () => number {
  const total = sums.at(-1) ?? 0
  return () => {
    const uniform = ((next() >>> 5) * TWO_TO_26 + (next() >>> 6)) / TWO_TO_53
    return firstAbove(sums, uniform * total)
  }
}

/** The first entry larger than a value. It never belongs to a weight of 0. */
function firstAbove(sums: Float64Array, value: number): number {
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sums[middle] ?? 0) > value) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Weights by which every class is drawn equally often: one over the number of samples of its class. For `sampleWeights`
 * of {@link DataLoader}. Reads each sample once.
 *
 * @throws {TypeError} For an argument that is no dataset or array of samples.
 * @throws {ZoetropeError} `ERR_DATA` when the dataset fails, or a target is no index of a class.
 */
export async function balancedWeights(
  dataset: Dataset | readonly Sample[],
  options: ScanOptions = {},
): Promise<Float64Array> {
  const scanning = checkScanOptions(checkOptions(options, 'options', SCAN_KEYS))
  const source = checkDataset(dataset, 'dataset')
  const length = checkListed(source.length, 'dataset.length', 'give weights of your own')
  const targets = new Int32Array(length)
  const counts = new Map<number, number>()
  const count = ({ target }: Sample, index: number): void => {
    if (typeof target !== 'number' || !Number.isInteger(target)) {
      const message = `Expected the index of a class as target to balance by, received ${describe(target)} at index ${index}`
      throw new ZoetropeError('ERR_DATA', message, { index, actual: target })
    }
    targets[index] = target
    counts.set(target, (counts.get(target) ?? 0) + 1)
  }
  await scan(source, length, count, scanning)
  return Float64Array.from(targets, (target) => 1 / (counts.get(target) ?? 1))
}
