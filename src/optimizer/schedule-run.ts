import type { MetricName } from '../evaluation/metric-names'

/** Facts about the current run, for a schedule. */
export interface ScheduleRun {
  /** Updates of the whole run of `fit`; `undefined` in `train`, and where the loader has no length. */
  readonly totalSteps: number | undefined
  /**
   * The values of a metric after each epoch so far, those before `initialEpoch` included; throws in `train`, which has but
   * one epoch, and for a metric that the epochs do not have.
   */
  readonly metric: (name: MetricName) => readonly number[]
}
