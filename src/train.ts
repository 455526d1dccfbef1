import { AbortScope, checkSignal } from './abort'
import { checkBoolean, checkCallback, checkInteger, checkOptions } from './checks'
import { checkLoader } from './data-loader'
import { checkLoss } from './loss'
import { accuracy, regressionMetrics, timing } from './metrics'
import { modelHandle } from './model'
import { optimizerOf } from './optimizer'
import { runPass } from './pass'
import { ProgressLine } from './progress'
import type { DataLoader } from './data-loader'
import type { CheckedLoss, LossOptions } from './loss'
import type { RegressionMetrics, Timing } from './metrics'
import type { AnyCnnLstm } from './model'
import type { Optimizer } from './optimizer'
import type { BatchReport } from './pass'

/** Options of {@link train}. */
export interface TrainOptions {
  /** An {@link Adam} or {@link Sgd} of this model. */
  readonly optimizer: Optimizer
  /** How the loss weighs targets: label smoothing, class weights. Default plain. */
  readonly loss?: LossOptions | undefined
  /** Stops the epoch within one batch; the promise rejects with `signal.reason`. The model stays usable. */
  readonly signal?: AbortSignal | undefined
  /**
   * Called after every batch, in order, and awaited. An error that it throws ends the epoch. While it runs, one more
   * step is under way.
   */
  readonly onBatch?: ((report: BatchReport) => unknown) | undefined
  /**
   * Steps between two readings of loss and accuracy for `onBatch` and the progress line; in between they are shown as
   * last read. The first step and the last (where the loader knows it) are read too. Each reading waits for the device,
   * so a GPU wants few. Default 10.
   */
  readonly reportEvery?: number | undefined
  /** Whether to show a live line when standard output is a terminal. Default true. */
  readonly progress?: boolean | undefined
}

/**
 * What an epoch of training came to. `mae`, `rmse` and `r2` are there for a regression.
 */
export interface TrainResult extends Timing, Partial<RegressionMetrics> {
  /** Mean loss over the answers (one a clip, or one a valid frame), each as the model was at its step. */
  readonly loss: number
  /**
   * Share of right answers, 0…1, each as the model was at its step; of several labels, all of them must be right. Not a
   * number for a regression.
   */
  readonly accuracy: number
  /** Samples seen. */
  readonly samples: number
  /** Optimizer updates. */
  readonly steps: number
}

export const TRAIN_KEYS = ['optimizer', 'loss', 'signal', 'onBatch', 'reportEvery', 'progress']
const DEFAULT_REPORT_EVERY = 10

/**
 * Trains a model on one epoch of a loader.
 *
 * @throws {TypeError} For an argument of a wrong type, an option that does not exist, or another model's optimizer.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` or `ERR_DATA` when the data does not fit or its dataset fails,
 * `ERR_NON_FINITE_LOSS` when the loss becomes NaN or infinite (the parameters are as before that step),
 * `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
 */
export async function train(model: AnyCnnLstm, loader: DataLoader, options: TrainOptions): Promise<TrainResult> {
  const settings = checkTrainOptions(model, options)
  return trainEpoch(model, checkLoader(loader, 'loader'), settings)
}

/** Checked {@link TrainOptions}. */
export interface TrainSettings {
  readonly optimizer: ReturnType<typeof optimizerOf>
  readonly loss: CheckedLoss
  readonly signal: AbortSignal | undefined
  readonly onBatch: TrainOptions['onBatch']
  readonly reportEvery: number
  readonly progress: boolean
}

export function checkTrainOptions(model: AnyCnnLstm, options: TrainOptions): TrainSettings {
  const owner = modelHandle(model)
  checkOptions(options, 'options', TRAIN_KEYS)
  const { optimizer, loss, signal, onBatch, reportEvery = DEFAULT_REPORT_EVERY, progress = true } = options
  checkCallback(onBatch, 'onBatch')
  return {
    optimizer: optimizerOf(optimizer, owner),
    loss: checkLoss(loss, model.config),
    signal: checkSignal(signal, 'signal'),
    onBatch,
    reportEvery: checkInteger(reportEvery, 'reportEvery', 1),
    progress: checkBoolean(progress, 'progress'),
  }
}

/** One epoch with checked arguments; `title` heads the progress line. */
export async function trainEpoch(
  model: AnyCnnLstm,
  loader: DataLoader,
  settings: TrainSettings,
  title = 'train',
): Promise<TrainResult> {
  const { optimizer, signal, onBatch, reportEvery } = settings
  const { head } = model.config
  const abort = new AbortScope(signal)
  try {
    const { metrics, seconds } = await runPass({
      handle: modelHandle(model),
      loader,
      abort,
      progress: new ProgressLine(title, settings.progress),
      prepare: (pass, batch) => {
        const current = optimizer() //                   as it is now, not when the engine gets to it
        return () => pass.trainBatch(batch, current)
      },
      head,
      loss: settings.loss,
      onBatch,
      reportEvery,
    })
    const { loss, samples, steps } = metrics
    const scores = { accuracy: accuracy(metrics, head), ...regressionMetrics(metrics, head) }
    return { loss, ...scores, samples, steps, ...timing(samples, seconds) }
  } finally {
    abort.release()
  }
}
