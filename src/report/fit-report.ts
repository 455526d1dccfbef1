/** The report that `fit` writes when a run has ended well. */
import { REPORT_TEXT_KEYS } from './options'
import { writeReport } from './write'
import { checkOptions, checkPath, isPath } from '../common/checks'
import type { ReportTexts } from './options'
import type { FitObserver, ObservedEpoch, ObservedRun } from '../observer'
import type { MetricName } from '../evaluation/metric-names'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/** The report of a run: where it is written, and what else it shows. */
export interface FitReportOptions extends ReportTexts {
  /** The file, of HTML. */
  readonly path: string | URL
}

interface CheckedFitReport {
  readonly path: string
  readonly texts: ReportTexts
}

/** What of a run the report needs. */
interface Plan {
  readonly best: MetricName | undefined
  readonly signal: AbortSignal | undefined
  readonly progress: boolean
}

/** Checks `report`: a path alone is where it is written. */
export function checkFitReport(report: string | URL | FitReportOptions): CheckedFitReport {
  if (isPath(report)) return { path: checkPath(report, 'report'), texts: {} }
  const { path, ...texts } = checkOptions(report, 'report', ['path', ...REPORT_TEXT_KEYS])
  return { path: checkPath(path, 'report.path'), texts }
}

export class FitReport implements FitObserver {
  readonly #model: AnyCnnLstm
  readonly #report: CheckedFitReport
  readonly #plan: Plan
  #run: ObservedRun | undefined

  constructor(model: AnyCnnLstm, report: CheckedFitReport, plan: Plan) {
    this.#model = model
    this.#report = report
    this.#plan = plan
  }

  async begin(run: ObservedRun): Promise<void> {
    this.#run = run
  }

  async epoch(): Promise<void> {
    //                                                    the records come with the end
  }

  async end(history: readonly ObservedEpoch[]): Promise<void> {
    if (this.#run === undefined) return
    const { train, validation, findings } = this.#run
    await writeReport(this.#report.path, this.#model, validation ?? train, {
      title: 'Training',
      ...this.#report.texts,
      part: validation === undefined ? 'train' : 'validation',
      train,
      history,
      findings,
      ...this.#plan,
    })
  }

  async close(): Promise<void> {
    this.#run = undefined
  }
}
