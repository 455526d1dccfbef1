/** What looks on while `fit` trains: a report, event files. */
import type { BatchReport } from './evaluation/pass'
import type { Figures } from './evaluation/metric-names'
import type { Timing } from './evaluation/metrics'
import type { AnyTestResult } from './evaluation/test'
import type { Finding } from './audit/finding'
import type { DataLoader } from './data/data-loader'

/** What `test` gives: the figures that every head has, and those of some heads where they are there. */
export type TestedFigures = AnyTestResult

/** The figures of one epoch, as `fit` gives them. */
export interface ObservedEpoch {
  /** From 1. */
  readonly epoch: number
  readonly train: Figures & Timing & { readonly loss: number; readonly accuracy: number }
  readonly validation?: TestedFigures
}

/** A run that is about to do its first epoch. */
export interface ObservedRun {
  readonly train: DataLoader
  readonly validation: DataLoader | undefined
  /** Epochs that were done before this run. */
  readonly initialEpoch: number
  /** Updates that were made before it. */
  readonly step: number
  /** What the audit of the first batches found; none where it was not wanted. */
  readonly findings: readonly Finding[]
}

/** Each call is awaited, and an error that it throws ends the run. */
export interface FitObserver {
  begin(run: ObservedRun): Promise<void>
  /** After each batch; `step` counts the updates of all runs, this batch's included. */
  readonly batch?: (report: BatchReport, step: number) => Promise<void> | void
  epoch(record: ObservedEpoch, step: number): Promise<void>
  /** The run has ended well, and the model has the weights that it is to have. */
  end(history: readonly ObservedEpoch[]): Promise<void>
  /** The run has ended, well or not: files are closed. Called once, last. */
  close(): Promise<void>
}
