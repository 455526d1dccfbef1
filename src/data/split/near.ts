/**
 * The nearest clip of another split, by signature. The mean signature of all clips is subtracted first. The distance of
 * two clips is the distance of their signatures, divided by the geometric mean of the signatures' lengths.
 *
 * The search is exact. Lengths of near signatures are nearly equal, so only a window of them is compared, and a
 * comparison ends as soon as it exceeds the limit, coordinates that vary most coming first.
 */
import { SIGNATURE_LENGTH } from './signature'

/** Signatures of a split's clips, `[clips, 256]`; rows of clips without one are zero. */
export type Signatures = Float32Array

/** The nearest clip of another split. */
export interface Near {
  /** Index of the nearest in the other split. */
  readonly partner: number
  readonly distance: number
}

/** Lengths below which a signature is as good as the mean, and says nothing. */
const SHORTEST = 1e-3
const BLOCK = 16

/** Takes the mean over all splits out of every signature and orders the coordinates, in place. */
export function centre(splits: readonly Signatures[]): void {
  const [sums, squares] = [new Float64Array(SIGNATURE_LENGTH), new Float64Array(SIGNATURE_LENGTH)]
  let count = 0
  eachRow(splits, (row) => {
    count++
    for (let column = 0; column < SIGNATURE_LENGTH; column++) {
      const value = row[column] ?? 0
      sums[column] = (sums[column] ?? 0) + value
      squares[column] = (squares[column] ?? 0) + value * value
    }
  })
  const means = sums.map((sum) => sum / count)
  const variances = squares.map((square, column) => square / count - (means[column] ?? 0) ** 2)
  const order = [...variances.keys()].toSorted((left, right) => (variances[right] ?? 0) - (variances[left] ?? 0))
  const centred = new Float32Array(SIGNATURE_LENGTH)
  eachRow(splits, (row) => {
    for (let column = 0; column < SIGNATURE_LENGTH; column++) {
      const from = order[column] ?? 0
      centred[column] = (row[from] ?? 0) - (means[from] ?? 0)
    }
    row.set(centred)
  })
}

/** Looks for the nearest clip of one split. */
export class NearestClips {
  readonly #signatures: Signatures
  readonly #threshold: number
  /** Clips that have a signature, from the shortest to the longest, and the lengths. */
  readonly #order: readonly number[]
  readonly #lengths: Float64Array

  /** @param signatures - Centred. */
  constructor(signatures: Signatures, threshold: number) {
    const lengths = lengthsOf(signatures)
    this.#signatures = signatures
    this.#threshold = threshold
    this.#order = [...lengths.keys()]
      .filter((clip) => (lengths[clip] ?? 0) > SHORTEST)
      .toSorted((left, right) => (lengths[left] ?? 0) - (lengths[right] ?? 0))
    this.#lengths = Float64Array.from(this.#order, (clip) => lengths[clip] ?? 0)
  }

  /** The nearest clip below the threshold to the one at `index` of another split. */
  find(signatures: Signatures, index: number): Near | undefined {
    const row = signatures.subarray(index * SIGNATURE_LENGTH, (index + 1) * SIGNATURE_LENGTH)
    const length = Math.sqrt(squareOf(row))
    if (length <= SHORTEST) return undefined
    let nearest: Near | undefined
    const [lowest, highest] = this.#window(length)
    for (let at = firstAtLeast(this.#lengths, lowest); (this.#lengths[at] ?? Infinity) <= highest; at++) {
      const partner = this.#order[at] ?? 0
      const scale = length * (this.#lengths[at] ?? 0)
      const limit = (nearest?.distance ?? this.#threshold) ** 2 * scale
      const start = partner * SIGNATURE_LENGTH
      const square = squareBetween(row, this.#signatures, start, limit)
      if (square < limit) nearest = { partner, distance: Math.sqrt(square / scale) }
    }
    return nearest
  }

  /** Lengths between which a signature can be near one of this length: (a − b)² ≤ |a − b|² < threshold² · a · b. */
  #window(length: number): [number, number] {
    const middle = 1 + this.#threshold ** 2 / 2
    const widest = middle + Math.sqrt(middle ** 2 - 1)
    return [length / widest, length * widest]
  }
}

function eachRow(splits: readonly Signatures[], visit: (row: Float32Array) => void): void {
  for (const signatures of splits) {
    for (let start = 0; start < signatures.length; start += SIGNATURE_LENGTH) {
      const row = signatures.subarray(start, start + SIGNATURE_LENGTH)
      if (row.some((value) => value !== 0)) visit(row)
    }
  }
}

function lengthsOf(signatures: Signatures): Float64Array {
  return Float64Array.from({ length: signatures.length / SIGNATURE_LENGTH }, (_, clip) =>
    Math.sqrt(squareOf(signatures.subarray(clip * SIGNATURE_LENGTH, (clip + 1) * SIGNATURE_LENGTH))),
  )
}

function squareOf(row: Float32Array): number {
  let sum = 0
  for (const value of row) sum += value * value
  return sum
}

/** The squared distance of a row from the one that begins at `start`, or something at least `limit`. */
function squareBetween(row: Float32Array, others: Float32Array, start: number, limit: number): number {
  let sum = 0
  for (let block = 0; block < SIGNATURE_LENGTH && sum < limit; block += BLOCK) {
    for (let column = block; column < block + BLOCK; column++) {
      const difference = (row[column] ?? 0) - (others[start + column] ?? 0)
      sum += difference * difference
    }
  }
  return sum
}

function firstAtLeast(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
