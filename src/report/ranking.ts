/** How well an output tells what has a label from what has not, at every threshold. */

/** Of one label. */
export interface Ranking {
  readonly label: string
  /** `[false positive rate, true positive rate]` from (0, 0) to (1, 1). */
  readonly roc: readonly (readonly [number, number])[]
  /** `[recall, precision]`, the highest threshold first. */
  readonly precisionRecall: readonly (readonly [number, number])[]
  /** Area under the ROC curve: the share of pairs in the right order, a tie one half. */
  readonly area: number
  /** Σ (recall − recall before) · precision, as scikit-learn's `average_precision_score`. */
  readonly averagePrecision: number
  /** How many have the label. */
  readonly positives: number
}

/** Points of a curve that are kept for drawing. */
const MOST_POINTS = 200

/** `undefined` where all or none have the label. Scores that are not numbers come last. */
export function rankingOf(
  label: string,
  scores: Float32Array,
  isPositive: (index: number) => boolean,
): Ranking | undefined {
  const order = Uint32Array.from(scores, (_, index) => index).toSorted(
    (a, b) => scoreAt(scores, b) - scoreAt(scores, a),
  )
  const positives = order.reduce((sum, index) => sum + (isPositive(index) ? 1 : 0), 0)
  const negatives = order.length - positives
  if (positives === 0 || negatives === 0) return undefined
  const roc: [number, number][] = [[0, 0]]
  const precisionRecall: [number, number][] = []
  let [hits, alarms, area, averagePrecision] = [0, 0, 0, 0]
  for (let at = 0; at < order.length;) {
    const [hitsBefore, alarmsBefore] = [hits, alarms]
    const score = scoreAt(scores, order[at] ?? 0)
    for (; at < order.length && scoreAt(scores, order[at] ?? 0) === score; at++) {
      if (isPositive(order[at] ?? 0)) hits++
      else alarms++
    }
    area += ((alarms - alarmsBefore) * (hits + hitsBefore)) / 2
    const precision = hits / (hits + alarms)
    averagePrecision += ((hits - hitsBefore) / positives) * precision
    roc.push([alarms / negatives, hits / positives])
    precisionRecall.push([hits / positives, precision])
  }
  return {
    label,
    roc: thinned(roc),
    precisionRecall: thinned(precisionRecall),
    area: area / (positives * negatives),
    averagePrecision,
    positives,
  }
}

function scoreAt(scores: Float32Array, index: number): number {
  const score = scores[index] ?? NaN
  return Number.isNaN(score) ? -1 : score
}

/** Some of many points, the first and the last among them. */
function thinned<T>(points: readonly T[]): T[] {
  const every = Math.ceil(points.length / MOST_POINTS)
  return points.filter((_, index) => index % every === 0 || index === points.length - 1)
}
