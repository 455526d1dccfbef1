/** Metrics by name: what `best`, `earlyStopping` and `reduceOnPlateau` choose by. */
import { checkString, rangeError } from '../common/checks'
import type { AnyCnnLstm } from '../model/cnn-lstm'

const NAMES = ['loss', 'accuracy', 'macroF1', 'balancedAccuracy', 'auc', 'mae', 'rmse', 'r2'] as const

/**
 * The name of a metric, as in `TestResult`. `top2`, `top3`, … are shares of `TestResult.topK`;
 * `balancedAccuracy` and they belong to classes, `macroF1` and `auc` to classes and labels, the last three to a
 * regression.
 */
export type MetricName = (typeof NAMES)[number] | `top${number}`

/** Figures of one pass, by their names. */
type Figures = { readonly [Name in (typeof NAMES)[number]]?: number | undefined } & {
  readonly topK?: readonly number[] | undefined
}

/** What one epoch of `fit` came to. */
export interface EpochFigures {
  readonly train: Figures
  readonly validation?: Figures
}

const LOWER_IS_BETTER: readonly MetricName[] = ['loss', 'mae', 'rmse']
const TOP = /^top([1-9]\d*)$/

/** Checks that there is such a metric. */
export function checkMetricName(value: MetricName, name: string): MetricName {
  const given = checkString(value, name)
  if (TOP.test(given) || NAMES.some((known) => known === given)) return value
  throw rangeError(`the name of a metric (${NAMES.join(', ')}, top2, top3, …)`, name, value)
}

/** Checks that the model's head has the metric, and that it is not one that only validation gives. */
export function checkMetricOf(
  { config: { head }, numClasses }: AnyCnnLstm,
  metric: MetricName,
  name: string,
  { isTested }: { readonly isTested: boolean },
): void {
  const trained = { classification: ['accuracy'], multiLabel: ['accuracy'], regression: ['mae', 'rmse', 'r2'] }
  const tested = {
    classification: ['macroF1', 'balancedAccuracy', 'auc'],
    multiLabel: ['macroF1', 'auc'],
    regression: [],
  }
  const known: readonly string[] = ['loss', ...trained[head.kind], ...(isTested ? tested[head.kind] : [])]
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

/** The metric of the validation data, or of the training data where there is none; `NaN` where there is no such figure. */
export function metricOf({ train, validation }: EpochFigures, metric: MetricName): number {
  const name = NAMES.find((known) => known === metric)
  return (name && (validation ?? train)[name]) ?? validation?.topK?.[topOf(metric) - 1] ?? NaN
}

/** k of `topk`; `NaN` of other metrics. */
function topOf(metric: MetricName): number {
  return Number(TOP.exec(metric)?.[1])
}
