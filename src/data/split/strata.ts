/**
 * Splits without groups: every class is divided by itself, and each split gets of each class its share to within one
 * sample.
 */
import { permutation } from '../../common/permutation'

const SLACK = 1e-9 //      .8 × 10 is 8.000000000000002 in binary

/** The number of the split of each sample. `strata` are the numbers of their classes. */
export function splitSamples(strata: Int32Array, fractions: readonly number[], seed: number): Int32Array {
  const counts: number[] = []
  for (const stratum of strata) counts[stratum] = (counts[stratum] ?? 0) + 1
  const quotas = shareOut(counts, fractions)
  const splits = new Int32Array(strata.length)
  for (const index of permutation(strata.length, seed, 0)) {
    const quota = quotas[strata[index] ?? 0] ?? []
    const split = quota.findIndex((left) => left > 0)
    quota[split] = (quota[split] ?? 0) - 1
    splits[index] = split
  }
  return splits
}

/** How many samples of a total each split gets: its share rounded, at least one where there are enough. */
export function splitSizes(total: number, fractions: readonly number[]): number[] {
  const sizes = fractions.map((fraction) => Math.floor(total * fraction + SLACK))
  const order = largestFirst(fractions.map((fraction, split) => total * fraction - (sizes[split] ?? 0)))
  let left = total - sum(sizes)
  for (const split of order) {
    if (left-- <= 0) break
    sizes[split] = (sizes[split] ?? 0) + 1
  }
  for (let empty = sizes.indexOf(0); empty >= 0 && total >= sizes.length; empty = sizes.indexOf(0)) {
    const [largest = 0] = largestFirst(sizes)
    sizes[largest] = (sizes[largest] ?? 0) - 1
    sizes[empty] = 1
  }
  return sizes
}

/**
 * Samples of each class in each split, `[classes][splits]`: first the whole part of every share; then what is left of a
 * class, at most one for each split, to the splits that lack most.
 */
function shareOut(counts: readonly number[], fractions: readonly number[]): number[][] {
  const shares = counts.map((count) => fractions.map((fraction) => Math.floor(count * fraction + SLACK)))
  const lacking = splitSizes(sum(counts), fractions)
  for (const share of shares) for (const [split, size] of share.entries()) lacking[split] = (lacking[split] ?? 0) - size
  for (const [stratum, share] of shares.entries()) {
    const order = largestFirst(lacking)
    for (const split of order.slice(0, (counts[stratum] ?? 0) - sum(share))) {
      share[split] = (share[split] ?? 0) + 1
      lacking[split] = (lacking[split] ?? 0) - 1
    }
  }
  return shares
}

/** Positions from the largest value to the smallest; the first of equal ones comes first. */
function largestFirst(values: readonly number[]): number[] {
  return [...values.keys()].toSorted((left, right) => (values[right] ?? 0) - (values[left] ?? 0))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
