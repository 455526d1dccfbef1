/** What a schedule may know of the run in which an update is made. */
export interface ScheduleRun {
  /** Updates of the whole run of `fit`; `undefined` in `train`, and where the loader has no length. */
  readonly totalSteps: number | undefined
}
