import { AbortScope, checkSignal } from '../common/abort'
import { checkBoolean, checkOptions } from '../common/checks'
import { checkLoader } from '../data/data-loader'
import {
  accuracy,
  classScores,
  labelMetrics,
  mean,
  regressionMetrics,
  stringMetrics,
  timing,
  topShares,
} from './metrics'
import { confusionMatrix } from './confusion'
import { forecastMetrics, likelihood } from './forecast-metrics'
import { modelHandle } from '../model/cnn-lstm'
import { runPass } from './pass'
import { ProgressLine } from '../common/progress'
import type { DataLoader } from '../data/data-loader'
import type { HeadType } from '../config/head'
import type { HeadKind } from '../config/head/kind'
import type { ForecastMetrics } from './forecast-metrics'
import type { ClassMetrics, RegressionMetrics, StringMetrics, Timing } from './metrics'
import type { AnyCnnLstm, CnnLstm } from '../model/cnn-lstm'
import type { FeatureCache } from '../model/feature-cache'
import type { NativeCounts, NativeMetrics } from '../native'

/** Options of {@link test}. */
export interface TestOptions {
  /** Stops within one batch; the promise rejects with `signal.reason`. The model stays usable. */
  readonly signal?: AbortSignal | undefined
  /** Whether to show a live line when standard output is a terminal. Default true. */
  readonly progress?: boolean | undefined
  /**
   * Whether to compute `auc`, for which the outputs of all answers are kept to the end (4 bytes an answer and class, on
   * the model's device) and sorted. Default false.
   */
  readonly auc?: boolean | undefined
}

/** The metrics that every head has. */
export interface CommonTestResult extends Timing {
  /** Mean loss over the predictions: one for each clip or valid frame. The `loss` options of training do not count. */
  readonly loss: number
  /**
   * Share of right predictions, 0…1; of several labels, all of them must be right, and a label string must be exact. An
   * answer that is not a number is never right. Not a number for a regression or a forecast.
   */
  readonly accuracy: number
  /** Samples seen. */
  readonly samples: number
}

/** The metrics of a model that forecasts. */
export interface ForecastTestResult extends CommonTestResult, ForecastMetrics {}

/** The metrics of a model whose answers are label strings. */
export interface StringTestResult extends CommonTestResult, StringMetrics {}

/**
 * The metrics of a model on a loader's samples. A regression also has `mae`, `rmse` and `r2`.
 */
export interface TestResult extends CommonTestResult, Partial<RegressionMetrics> {
  /**
   * Counts `[numClasses][numClasses]`: row = target, column = prediction. Empty unless for a classification. An answer that
   * is not a number is in no column. Of more than 256 classes a row is made when it is read: `matrix[3]` is a new array
   * each time, and `numClasses²` numbers are never there at once.
   */
  readonly confusionMatrix: number[][]
  /** Precision, recall, F1 and support of each class or label, in order. Empty for a regression. */
  readonly perClass: ClassMetrics[]
  /** Mean F1 over the labels, or over the classes that are among targets or predictions. `undefined` for a regression. */
  readonly macroF1?: number
  /** Mean recall over the classes that have samples. `undefined` unless for a classification. */
  readonly balancedAccuracy?: number
  /**
   * Of a classification: `topK[k - 1]` is the share of answers whose target is among the k likeliest classes; of equally
   * likely ones the first class comes first, so that `topK[0]` is the accuracy. Of an answer that is not a number no class
   * is likely.
   */
  readonly topK?: number[]
  /**
   * Area under the ROC curve of a class or label against the others, as scikit-learn's `roc_auc_score(average='macro',
   * multi_class='ovr')`. It is the mean over the classes that some answers have and others do not. Present when it was
   * asked for. Not a number when there is no such class, and for a regression. An answer that is not a number loses every comparison.
   */
  readonly auc?: number
}

/** The metrics of a model whose head is not known by its type: those that its kind of head has are there. */
export interface AnyTestResult
  extends
    CommonTestResult,
    Partial<Omit<TestResult, keyof CommonTestResult>>,
    Partial<StringMetrics>,
    Partial<ForecastMetrics> {}

/** The metrics that a model with some head has. */
export type TestResultOf<Head extends HeadType> = HeadKind extends Head['kind']
  ? AnyTestResult
  : ResultOfKind<Head['kind']>

type ResultOfKind<Kind> = Kind extends 'ctc' | 'sequence'
  ? StringTestResult
  : Kind extends 'forecast'
    ? ForecastTestResult
    : TestResult

/**
 * Tests a model on one epoch of a loader: no dropout, no gradients, nothing changes.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` or `ERR_DATA` when the data does not fit or its dataset fails,
 * `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
 */
export async function test<Head extends HeadType>(
  model: CnnLstm<string, Head>,
  loader: DataLoader,
  options?: TestOptions,
): Promise<TestResultOf<Head>>
export async function test(model: AnyCnnLstm, loader: DataLoader, options?: TestOptions): Promise<AnyTestResult>
export async function test(model: AnyCnnLstm, loader: DataLoader, options: TestOptions = {}): Promise<AnyTestResult> {
  modelHandle(model)
  options = checkOptions(options, 'options', ['signal', 'progress', 'auc'])
  const { signal, progress = true, auc = false } = options
  return testEpoch(model, checkLoader(loader, 'loader'), {
    signal: checkSignal(signal, 'signal'),
    progress: checkBoolean(progress, 'progress'),
    auc: checkBoolean(auc, 'auc'),
  })
}

/** Checked {@link TestOptions}. */
export interface TestSettings {
  readonly signal: AbortSignal | undefined
  readonly progress: boolean
  readonly auc: boolean
}

/** One sweep with checked arguments; `title` heads the progress line, `features` of a frozen encoder may be kept. */
export async function testEpoch(
  model: AnyCnnLstm,
  loader: DataLoader,
  { signal, progress, auc }: TestSettings,
  { title = 'test', features }: { readonly title?: string; readonly features?: FeatureCache | undefined } = {},
): Promise<AnyTestResult> {
  const abort = new AbortScope(signal)
  const { head } = model.config
  try {
    const { metrics, counts, areas, seconds } = await runPass({
      handle: modelHandle(model),
      loader,
      abort,
      progress: new ProgressLine(title, progress),
      prepare: (pass, batch) => ({ job: () => pass.evaluateBatch(batch), learningRate: 0 }),
      head,
      keepsCounts: true,
      keepsRanking: auc,
      features,
      onBatch: undefined,
      reportEvery: 10,
    })
    const { loss, samples } = metrics
    return {
      loss,
      accuracy: accuracy(metrics, head),
      ...headScores(model, metrics, counts),
      samples,
      ...areaScore(areas),
      ...timing(samples, seconds),
    }
  } finally {
    abort.release()
  }
}

/** The metrics that belong to the kind of head. */
function headScores(
  model: AnyCnnLstm,
  metrics: NativeMetrics,
  counts: NativeCounts | undefined,
): Partial<TestResult> | StringMetrics | ForecastMetrics {
  const { config, classes, numClasses } = model
  const { head } = config
  const strings = stringMetrics(metrics, head)
  if (strings !== undefined) return strings
  if (metrics.forecast !== undefined) return { ...forecastMetrics(metrics.forecast), ...likelihood(metrics, model) }
  if (counts === undefined || head.kind === 'regression') {
    return { ...regressionMetrics(metrics, head), confusionMatrix: [], perClass: [] }
  }
  if (head.kind === 'multiLabel') {
    const perClass = labelMetrics(counts, classes)
    return { confusionMatrix: [], perClass, macroF1: mean(perClass.map(({ f1 }) => f1)) }
  }
  return {
    confusionMatrix: confusionMatrix(counts, numClasses),
    ...classScores(counts, classes),
    topK: topShares(counts, metrics),
  }
}

function areaScore(areas: readonly number[] | undefined): Pick<TestResult, 'auc'> {
  return areas === undefined ? {} : { auc: mean(areas.filter((area) => !Number.isNaN(area))) }
}
