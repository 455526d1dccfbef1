/** What a model makes of clips, in the words of its head. */
import { ZoetropeError } from '../errors'
import type { FloatArray } from '../common/nd-array'
import type { HeadType } from '../config/head'

/** One class of one clip or frame. */
export interface Prediction<Label extends string = string> {
  /** The name of the most probable class. */
  readonly label: Label
  /** The index of the most probable class. */
  readonly index: number
  /** The probability of each class, `[numClasses]`; they sum to 1. */
  readonly probabilities: Float32Array
}

/** Any number of labels of one clip or frame. */
export interface MultiLabelPrediction<Label extends string = string> {
  /** The names of the labels whose probability is above .5, in order. */
  readonly labels: readonly Label[]
  /** The probability of each label, `[numClasses]`, each by itself. */
  readonly probabilities: Float32Array
}

/** The numbers of one clip or frame. */
export interface RegressionPrediction {
  /** `[outputs]`. */
  readonly values: Float32Array
}

type AnswerOf<Label extends string, Kind> = Kind extends 'regression'
  ? RegressionPrediction
  : Kind extends 'multiLabel'
    ? MultiLabelPrediction<Label>
    : Prediction<Label>

/** What `predict()` answers for one clip: with a head per frame, one answer for each of its valid frames. */
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
        labels: classes.filter((_, index) => (probabilities[index] ?? 0) > THRESHOLD),
        probabilities,
      })
    case 'regression':
      return (values) => ({ values })
  }
}

/** Not-a-number probabilities, of inputs or weights that are, have no largest: the first class stands in. */
function prediction(probabilities: Float32Array, classes: readonly string[]): Prediction {
  const index = probabilities.reduce((best, value, at) => (value > (probabilities[best] ?? 0) ? at : best), 0)
  const label = classes[index]
  if (label === undefined) throw new ZoetropeError('ERR_INTERNAL', `Expected a class with index ${index}`)
  return { label, index, probabilities }
}
