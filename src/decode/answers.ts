/** Probabilities into the names of classes. */

/**
 * One class of one clip or frame. Where inputs or weights are not finite, probabilities can be `NaN`: then no class is the
 * most probable, `index` is -1 and `label` is `undefined`.
 */
export interface Prediction<Label extends string = string> {
  /** The name of the most probable class; `undefined` where the probabilities are not numbers. */
  readonly label: Label | undefined
  /** The index of the most probable class, of equally probable ones the first; -1 where they are not numbers. */
  readonly index: number
  /** The probability of each class, `[numClasses]`; they sum to 1. */
  readonly probabilities: Float32Array
}

/** Any number of labels of one clip or frame. */
export interface MultiLabelPrediction<Label extends string = string> {
  /** The names of the labels whose probability is above .5, in order; `undefined` where a probability is not a number. */
  readonly labels: readonly Label[] | undefined
  /** The probability of each label, `[numClasses]`, each by itself. */
  readonly probabilities: Float32Array
}

const THRESHOLD = 0.5

/** The most probable class. Probabilities that are not numbers have no largest: no class stands in. */
export function classification<Label extends string>(
  probabilities: Float32Array,
  classes: readonly Label[],
): Prediction<Label> {
  const index = probabilities.some(Number.isNaN) ? -1 : likeliest(probabilities)
  return { label: classes[index], index, probabilities }
}

/** Every label whose probability is above .5. */
export function multiLabel<Label extends string>(
  probabilities: Float32Array,
  classes: readonly Label[],
): MultiLabelPrediction<Label> {
  const labels = probabilities.some(Number.isNaN)
    ? undefined
    : classes.filter((_, index) => (probabilities[index] ?? 0) > THRESHOLD)
  return { labels, probabilities }
}

/** The index of the largest; of equal ones the first. */
export function likeliest(values: Float32Array): number {
  return values.reduce((best, value, at) => (value > (values[best] ?? 0) ? at : best), 0)
}
