import type { MetricName } from '../evaluation/metric-names'

/** What a schedule may know of the run in which an update is made. */
export interface ScheduleRun {
  /** Updates of the whole run of `fit`; `undefined` in `train`, and where the loader has no length. */
  readonly totalSteps: number | undefined
  /**
   * The values of a metric after each epoch so far, those before `initialEpoch` included; throws in `train`, which has but
   * one epoch, and for a metric that the epochs do not have.
   */
  readonly metric: (name: MetricName) => readonly number[]
}
