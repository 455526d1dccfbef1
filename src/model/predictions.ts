/** A model's predictions, in the form that its head gives them. */
import type { FloatArray } from '../common/nd-array'
import type { HeadType } from '../config/head'

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

/** The numbers of one clip or frame. */
export interface RegressionPrediction {
  /** `[outputs]`. */
  readonly values: Float32Array
}

/** What a head of that kind says of one clip, or of one frame. */
export type AnswerOf<Label extends string, Kind> = Kind extends 'regression'
  ? RegressionPrediction
  : Kind extends 'multiLabel'
    ? MultiLabelPrediction<Label>
    : Prediction<Label>

/**
 * The prediction of `predict()` for one clip. With a head per frame it is an array with one answer for each valid
 * frame.
 */
export type PredictionOf<Label extends string, Head extends HeadType> = Head['per'] extends 'frame'
  ? AnswerOf<Label, Head['kind']>[]
  : Head['per'] extends 'clip'
    ? AnswerOf<Label, Head['kind']>
    : AnswerOf<Label, Head['kind']> | AnswerOf<Label, Head['kind']>[]

const THRESHOLD = 0.5

/**
 * Cuts answers of `[batch, outputs]` or `[batch, time, outputs]` into one for each clip.
 *
 * @param lengths - Valid frames of each clip; all where it is `null`.
 */
export function toPredictions<Label extends string, Head extends HeadType>(
  { data, shape }: FloatArray,
  head: Head,
  classes: readonly Label[],
  lengths: Int32Array | null,
): PredictionOf<Label, Head>[] {
  const [batch = 0] = shape
  const outputs = shape.at(-1) ?? 0
  const time = head.per === 'frame' ? (shape[1] ?? 0) : 1
  const answer = answerOf(head, classes)
  const at = (row: number): unknown => answer(data.slice(row * outputs, (row + 1) * outputs))
  const clip = (index: number): unknown =>
    head.per === 'clip'
      ? at(index)
      : Array.from({ length: lengths?.[index] ?? time }, (_, frame) => at(index * time + frame))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the head decides the kind of answer
  return Array.from({ length: batch }, (_, index) => clip(index)) as PredictionOf<Label, Head>[]
}

function answerOf(head: HeadType, classes: readonly string[]): (numbers: Float32Array) => unknown {
  switch (head.kind) {
    case 'classification':
      return (probabilities) => prediction(probabilities, classes)
    case 'multiLabel':
      return (probabilities) => ({
        labels: probabilities.some(Number.isNaN)
          ? undefined
          : classes.filter((_, index) => (probabilities[index] ?? 0) > THRESHOLD),
        probabilities,
      })
    case 'regression':
      return (values) => ({ values })
  }
}

/** Probabilities that are not numbers, of inputs or weights that are not, have no largest: no class stands in. */
function prediction(probabilities: Float32Array, classes: readonly string[]): Prediction {
  const index = probabilities.some(Number.isNaN) ? -1 : likeliest(probabilities)
  return { label: classes[index], index, probabilities }
}

/** The index of the largest; of equal ones the first. */
function likeliest(probabilities: Float32Array): number {
  return probabilities.reduce((best, value, at) => (value > (probabilities[best] ?? 0) ? at : best), 0)
}
