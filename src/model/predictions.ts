/** A model's predictions, in the form that its head gives them. */
import { classification, multiLabel } from '../decode/answers.js'
import { elements } from '../common/nd-array'
import type { FloatArray } from '../common/nd-array'
import type { HeadType } from '../config/head'
import type { Generated } from './generation'
import type { LabelStringPrediction } from './label-strings'
import type { MultiLabelPrediction, Prediction } from '../decode/answers.js'

export type { MultiLabelPrediction, Prediction } from '../decode/answers.js'

/** The numbers of one clip or frame. */
export interface RegressionPrediction {
  /** `[outputs]`. */
  readonly values: Float32Array
}

/** The steps after one clip. */
export interface ForecastPrediction {
  /** `[horizon, …step]`, in the units of the inputs (bytes scaled to 0…1): probabilities with `loss: 'bce'`. */
  readonly steps: FloatArray
}

/** What a head of that kind says of one clip, or of one frame. */
export type AnswerOf<Label extends string, Kind> = Kind extends 'regression'
  ? RegressionPrediction
  : Kind extends 'forecast'
    ? ForecastPrediction
    : Kind extends 'multiLabel'
      ? MultiLabelPrediction<Label>
      : Kind extends 'ctc'
        ? LabelStringPrediction<Label>
        : Kind extends 'sequence'
          ? Generated<Label>
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

/**
 * Cuts answers of `[batch, …answer]` or `[batch, time, …answer]` into one for each clip.
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
  const time = head.per === 'frame' ? (shape[1] ?? 0) : 1
  const answerShape = shape.slice(head.per === 'frame' ? 2 : 1)
  const outputs = elements(answerShape)
  const answer = answerOf(head, classes, answerShape)
  const at = (row: number): unknown => answer(data.slice(row * outputs, (row + 1) * outputs))
  const clip = (index: number): unknown =>
    head.per === 'clip'
      ? at(index)
      : Array.from({ length: lengths?.[index] ?? time }, (_, frame) => at(index * time + frame))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the head decides the kind of answer
  return Array.from({ length: batch }, (_, index) => clip(index)) as PredictionOf<Label, Head>[]
}

function answerOf(
  head: HeadType,
  classes: readonly string[],
  shape: readonly number[],
): (numbers: Float32Array) => unknown {
  switch (head.kind) {
    case 'classification':
      return (probabilities) => classification(probabilities, classes)
    case 'multiLabel':
      return (probabilities) => multiLabel(probabilities, classes)
    case 'forecast':
      return (data): ForecastPrediction => ({ steps: { data, shape } })
    case 'regression':
    case 'ctc':
    case 'sequence':
      return (values) => ({ values })
  }
}
