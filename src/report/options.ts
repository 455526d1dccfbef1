import { checkSignal } from '../common/abort'
import { checkBoolean, checkCallback, checkOptions, checkString, typeError } from '../common/checks'
import { listOf } from '../common/list'
import { loaderParts, checkLoader } from '../data/data-loader'
import { isDataset } from '../data/data-source'
import { checkBy } from '../data/split/group-ids'
import { origin } from '../data/subset'
import { checkMetricName } from '../evaluation/metric-names'
import type { DataLoader } from '../data/data-loader'
import type { Dataset } from '../data/dataset'
import type { GroupBy } from '../data/split/group-ids'
import type { MetricName } from '../evaluation/metric-names'
import type { Finding } from '../audit/finding'
import type { ObservedEpoch } from '../observer'
import type { SkippedFile } from './data'

/** What a user says about a report, whoever writes it. */
export interface ReportTexts {
  /** Above the report. Default `'Report'`. */
  readonly title?: string | undefined
  /**
   * The group of each sample, as `split` takes it: the interval of the accuracy is then drawn by groups, and the leakage
   * check compares groups. Default no groups.
   */
  readonly groups?: GroupBy | undefined
  /** The name of each sample, by its index in the dataset at the bottom, such as its path. Default `sample 7`. */
  readonly names?: readonly string[] | ((index: number) => string) | undefined
  /** With what the run was made: shown as it is. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  /** The command that repeats the run: shown as it is. */
  readonly command?: string | undefined
  /** Files that were left out of the data. */
  readonly skipped?: readonly SkippedFile[] | undefined
}

/** Options of {@link writeReport}. */
export interface ReportOptions extends ReportTexts {
  /** Which data the loader has, for the reader. Default `'test'`. */
  readonly part?: string | undefined
  /** The records of a training, as `fit` gives them: its curves. Default none. */
  readonly history?: readonly ObservedEpoch[] | undefined
  /** The metric by which the best epoch was chosen. Default none. */
  readonly best?: MetricName | undefined
  /** The data that the model was trained on: its size, its classes, and whether it shares clips with the loader's. */
  readonly train?: DataLoader | undefined
  /** What `audit` found. */
  readonly findings?: readonly Finding[] | undefined
  /** Stops the work; the promise rejects with `signal.reason`, and no file is written. */
  readonly signal?: AbortSignal | undefined
  /** Whether to show a live line when standard output is a terminal. Default true. */
  readonly progress?: boolean | undefined
}

export const REPORT_TEXT_KEYS = ['title', 'groups', 'names', 'settings', 'command', 'skipped']
const KEYS = [...REPORT_TEXT_KEYS, 'part', 'history', 'best', 'train', 'findings', 'signal', 'progress']

/** Checked {@link ReportTexts}. */
export interface CheckedTexts {
  readonly title: string
  readonly groups: GroupBy | undefined
  readonly nameOf: (index: number) => string
  readonly settings: Readonly<Record<string, unknown>>
  readonly command: string | undefined
  readonly skipped: readonly SkippedFile[]
}

/** Checked {@link ReportOptions}. */
export interface CheckedReport extends CheckedTexts {
  readonly dataset: Dataset
  readonly batchSize: number
  readonly part: string
  readonly history: readonly ObservedEpoch[]
  readonly best: MetricName | undefined
  readonly train: Dataset | undefined
  readonly findings: readonly Finding[]
  readonly signal: AbortSignal | undefined
  readonly progress: boolean
}

export function checkReport(loader: DataLoader, options: ReportOptions): CheckedReport {
  options = checkOptions(options, 'options', KEYS)
  const { part = 'test', history = [], best, train, findings = [], signal, progress = true, ...texts } = options
  const { source, options: loading } = loaderParts(checkLoader(loader, 'loader'))
  if (!isDataset(source)) throw typeError('a loader of a dataset with `length` and `get`', 'loader', loader)
  const trained = train && loaderParts(checkLoader(train, 'train')).source
  return {
    ...checkTexts(texts, source, 'options'),
    dataset: source,
    batchSize: loading.batchSize ?? 32,
    part: checkString(part, 'part'),
    history: copyOf(history, 'history'),
    best: best === undefined ? best : checkMetricName(best, 'best'),
    train: trained && isDataset(trained) ? trained : undefined,
    findings: copyOf(findings, 'findings'),
    signal: checkSignal(signal, 'signal'),
    progress: checkBoolean(progress, 'progress'),
  }
}

export function checkTexts(given: ReportTexts, dataset: Dataset, name: string): CheckedTexts {
  const { title = 'Report', groups, names, settings = {}, command, skipped = [] } = given
  return {
    title: checkString(title, 'title'),
    groups: checkBy(groups, origin(dataset, 0).dataset.length),
    nameOf: checkNames(names),
    settings: checkOptions(settings, `${name}.settings`, Object.keys(Object(settings))),
    command: command === undefined ? command : checkString(command, 'command'),
    skipped: copyOf(skipped, 'skipped'),
  }
}

function checkNames(names: ReportTexts['names']): (index: number) => string {
  if (names === undefined) return (index) => `sample ${index}`
  if (typeof names === 'function') {
    checkCallback(names, 'names')
    return (index) => checkString(names(index), `names(${index})`)
  }
  const list = listOf(names)
  if (list === undefined) throw typeError('an array of strings or a function', 'names', names)
  const copy = Array.from({ length: list.length }, (_, index) => checkString(list.at(index), `names[${index}]`))
  return (index) => copy[index] ?? `sample ${index}`
}

function copyOf<T>(list: readonly T[], name: string): readonly T[] {
  if (Array.isArray(list)) return [...list]
  throw typeError('an array', name, list)
}
