/** Metrics by name: what `best`, `earlyStopping` and `reduceOnPlateau` choose by. */
import { checkOneOf } from './checks'
import type { TestResult } from './test'
import type { TrainResult } from './train'

/** The name of a metric. `accuracy`, `macroF1` and `balancedAccuracy` belong to classes, the last three to a regression. */
export type MetricName = 'loss' | 'accuracy' | 'macroF1' | 'balancedAccuracy' | 'mae' | 'rmse' | 'r2'

/** Part of a record of `fit`. */
export interface Results {
  readonly train: TrainResult
  readonly validation?: TestResult
}

const NAMES: readonly MetricName[] = ['loss', 'accuracy', 'macroF1', 'balancedAccuracy', 'mae', 'rmse', 'r2']
const LOWER_IS_BETTER: readonly MetricName[] = ['loss', 'mae', 'rmse']

export function checkMetricName(value: unknown, name: string): MetricName {
  return checkOneOf(value, name, NAMES)
}

export function isLowerBetter(metric: MetricName): boolean {
  return LOWER_IS_BETTER.includes(metric)
}

/** The metric of the validation data, or of the training data where there is none; `NaN` where the head has none. */
export function metricOf({ train, validation }: Results, metric: MetricName): number {
  const result: Partial<Record<MetricName, number>> = validation ?? train
  return result[metric] ?? NaN
}
