import type { MetricName } from '../evaluation/metric-names'

/** What a schedule may know of the run in which an update is made. */
export interface ScheduleRun {
  /** Updates of the whole run of `fit`; `undefined` in `train`, and where the loader has no length. */
  readonly totalSteps: number | undefined
  /** The values of a metric after each epoch of the run so far; throws in `train`, which has but one epoch. */
  readonly metric: (name: MetricName) => readonly number[]
}
