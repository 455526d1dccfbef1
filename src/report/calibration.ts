/** Whether probabilities are as right as they say: of answers with 80 % about 80 % should be right. */

/** Answers of similar confidence. */
export interface CalibrationBin {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Their mean confidence; not a number of none. */
  readonly confidence: number
  /** The share of them that is right; not a number of none. */
  readonly accuracy: number
}

export interface Calibration {
  readonly bins: readonly CalibrationBin[]
  /** Σ count / all · |accuracy − confidence|, the expected calibration error (Naeini, Cooper, Hauskrecht 2015). */
  readonly error: number
}

const BINS = 10

/** Ten bins of the same width. Confidences that are not numbers are left out. */
export function calibrationOf(confidences: ArrayLike<number>, isRight: (index: number) => boolean): Calibration {
  const sums = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }))
  let total = 0
  for (let index = 0; index < confidences.length; index++) {
    const confidence = confidences[index] ?? NaN
    const bin = sums[Math.min(BINS - 1, Math.floor(confidence * BINS))]
    if (bin === undefined) continue
    total++
    bin.count++
    bin.confidence += confidence
    if (isRight(index)) bin.right++
  }
  const bins = sums.map(({ count, confidence, right }, index) => ({
    from: index / BINS,
    to: (index + 1) / BINS,
    count,
    confidence: confidence / count,
    accuracy: right / count,
  }))
  const error = bins.reduce(
    (sum, { count, confidence, accuracy }) =>
      count === 0 ? sum : sum + (count / total) * Math.abs(accuracy - confidence),
    0,
  )
  return { bins, error: total === 0 ? NaN : error }
}
