/** Metrics by name, for `best`, `earlyStopping` and `reduceOnPlateau`. */
import { checkString, rangeError } from '../common/checks'
import type { HeadKind } from '../config/head/kind'
import type { AnyCnnLstm } from '../model/cnn-lstm'

export const METRIC_NAMES = [
  'loss',
  'accuracy',
  'macroF1',
  'balancedAccuracy',
  'auc',
  'mae',
  'rmse',
  'r2',
  'cer',
  'wer',
  'exact',
  'mase',
  'nll',
] as const

/**
 * The name of a metric, as in `TestResult`. `top2`, `top3`, … are shares of `TestResult.topK`;
 * `balancedAccuracy` and they belong to classes, `macroF1` and `auc` to classes and labels, `mae`, `rmse` and `r2` to a
 * regression, `cer`, `wer` and `exact` to label strings, `mae`, `rmse` and `mase` to a forecast, and `nll` to one with
 * `loss: 'bce'`.
 */
export type MetricName = (typeof METRIC_NAMES)[number] | `top${number}`

/** Figures of one pass, by their names. */
export type Figures = { readonly [Name in (typeof METRIC_NAMES)[number]]?: number | undefined } & {
  readonly topK?: readonly number[] | undefined
}

/** The figures of one epoch of `fit`. */
export interface EpochFigures {
  readonly train: Figures
  readonly validation?: Figures
}

const LOWER_IS_BETTER: readonly MetricName[] = ['loss', 'mae', 'rmse', 'cer', 'wer', 'mase', 'nll']

/** The metrics of each kind of head, besides the loss, that training gives as well. */
const TRAINED: { readonly [Kind in HeadKind]: readonly MetricName[] } = {
  classification: ['accuracy'],
  multiLabel: ['accuracy'],
  regression: ['mae', 'rmse', 'r2'],
  ctc: ['accuracy', 'cer', 'exact'],
  forecast: [],
  sequence: ['accuracy', 'cer', 'exact'],
}
/** Those that only validation gives. */
const TESTED: { readonly [Kind in HeadKind]: readonly MetricName[] } = {
  classification: ['macroF1', 'balancedAccuracy', 'auc'],
  multiLabel: ['macroF1', 'auc'],
  regression: [],
  ctc: [],
  forecast: ['mae', 'rmse', 'mase'],
  sequence: [],
}
const TOP = /^top([1-9]\d*)$/

/** Checks that there is such a metric. */
export function checkMetricName(value: MetricName, name: string): MetricName {
  const given = checkString(value, name)
  if (TOP.test(given) || METRIC_NAMES.some((known) => known === given)) return value
  throw rangeError(`the name of a metric (${METRIC_NAMES.join(', ')}, top2, top3, …)`, name, value)
}

/** Checks that the model's head has the metric, and that it is not one that only validation gives. */
export function checkMetricOf(
  { config: { head }, numClasses }: AnyCnnLstm,
  metric: MetricName,
  name: string,
  { isTested }: { readonly isTested: boolean },
): void {
  const words: readonly MetricName[] = head.separator === undefined ? [] : ['wer']
  const likelihood: readonly MetricName[] = head.loss === 'bce' ? ['nll'] : []
  const known: readonly MetricName[] = [
    'loss',
    ...TRAINED[head.kind],
    ...words,
    ...likelihood,
    ...(isTested ? TESTED[head.kind] : []),
  ]
  const hasTop = isTested && head.kind === 'classification' && numClasses > 1
  if (known.includes(metric) || (hasTop && topOf(metric) <= numClasses)) return
  const top = hasTop ? `, top2 … top${numClasses}` : ''
  throw rangeError(
    `a metric of this head${isTested ? '' : ' without validation data'} (${known.join(', ')}${top})`,
    name,
    metric,
  )
}

export function isLowerBetter(metric: MetricName): boolean {
  return LOWER_IS_BETTER.includes(metric)
}

/**
 * The metric of the validation data, or of the training data where there is none: `NaN` where it has no value, such as
 * the area under the ROC curve of one class; `undefined` where there is no such figure.
 */
export function figureOf({ train, validation }: EpochFigures, metric: MetricName): number | undefined {
  const name = METRIC_NAMES.find((known) => known === metric)
  return name === undefined ? validation?.topK?.[topOf(metric) - 1] : (validation ?? train)[name]
}

/** {@link figureOf}, or `NaN`. */
export function metricOf(figures: EpochFigures, metric: MetricName): number {
  return figureOf(figures, metric) ?? NaN
}

/** The figures that have a name, without what else an epoch came to. */
export function namedFigures({ train, validation }: EpochFigures): EpochFigures {
  return { train: named(train), ...(validation && { validation: named(validation) }) }
}

function named(figures: Figures): Figures {
  const names = [...METRIC_NAMES, 'topK'] as const
  return Object.fromEntries(names.filter((name) => name in figures).map((name) => [name, figures[name]]))
}

/** k of `topk`; `NaN` of other metrics. */
function topOf(metric: MetricName): number {
  return Number(TOP.exec(metric)?.[1])
}
