/** How values are spread. */
export interface Histogram {
  readonly min: number
  readonly max: number
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** The upper end of each bucket. */
  readonly limits: readonly number[]
  readonly counts: readonly number[]
}

const BUCKETS = 30

/** Thirty buckets of the same width. Values that are not finite are left out; of none there is no histogram. */
export function histogramOf(values: Float32Array): Histogram | undefined {
  let [min, max, count, sum, sumOfSquares] = [Infinity, -Infinity, 0, 0, 0]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    min = Math.min(min, value)
    max = Math.max(max, value)
    count++
    sum += value
    sumOfSquares += value * value
  }
  if (count === 0) return undefined
  const width = (max - min) / BUCKETS
  if (width === 0) return { min, max, count, sum, sumOfSquares, limits: [max], counts: [count] }
  const counts = Array.from({ length: BUCKETS }, () => 0)
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    const bucket = Math.min(BUCKETS - 1, Math.floor((value - min) / width))
    counts[bucket] = (counts[bucket] ?? 0) + 1
  }
  const limits = counts.map((_, bucket) => (bucket === BUCKETS - 1 ? max : min + (bucket + 1) * width))
  return { min, max, count, sum, sumOfSquares, limits, counts }
}
