import { AbortScope, checkSignal } from '../common/abort'
import { checkBoolean, checkCallback, checkInteger, checkNumber, checkOptions, rangeError } from '../common/checks'
import { checkLoader } from '../data/data-loader'
import { checkLoss } from '../model/loss'
import { checkTeacherForcing } from './teacher-forcing'
import { accuracy, regressionMetrics, stringMetrics, timing } from '../evaluation/metrics'
import { likelihood } from '../evaluation/forecast-metrics'
import { modelHandle } from '../model/cnn-lstm'
import { optimizerHandle } from '../optimizer/optimizer'
import { runPass } from '../evaluation/pass'
import { ProgressLine } from '../common/progress'
import type { DataLoader } from '../data/data-loader'
import type { CheckedLoss, LossOptions } from '../model/loss'
import type { RegressionMetrics, StringMetrics, Timing } from '../evaluation/metrics'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { FeatureCache } from '../model/feature-cache'
import type { ModelHandle } from '../model/handle'
import type { Optimizer, OptimizerHandle } from '../optimizer/optimizer'
import type { BatchReport, PreparedStep } from '../evaluation/pass'
import type { ScheduleRun } from '../optimizer/schedule-run'
import type { CheckedForcing, TeacherForcing } from './teacher-forcing'
import type { NativeBatch, NativeOptimizer, NativePass } from '../native'

/** Options of {@link train}. */
export interface TrainOptions {
  /** An {@link Adam}, {@link AdamW}, {@link Sgd} or {@link RMSprop} of this model. */
  readonly optimizer: Optimizer
  /** How the loss weighs targets: label smoothing, class weights. Default plain. */
  readonly loss?: LossOptions | undefined
  /**
   * Of a token sequence, the share of steps that read the target's token before them; or a function that gives the share
   * of each update. Default 1: all steps are computed at once.
   */
  readonly teacherForcing?: TeacherForcing | undefined
  /**
   * Largest norm of all gradients as one vector; larger ones are scaled down to it:
   * `torch.nn.utils.clip_grad_norm_(parameters, clipNorm)`. Default none.
   */
  readonly clipNorm?: number | undefined
  /**
   * Largest absolute value of a gradient's element; larger ones become it:
   * `torch.nn.utils.clip_grad_value_(parameters, clipValue)`, after `clipNorm`. Default none.
   */
  readonly clipValue?: number | undefined
  /**
   * Number of batches for one update. The update has the gradients of one large batch of all their samples, whatever
   * the size of each batch. This also holds for the epoch's last group, which may have fewer batches. Default 1.
   */
  readonly accumulate?: number | undefined
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
 * The results of an epoch of training. A regression also has `mae`, `rmse` and `r2`, label strings have `cer`, `wer` and
 * `exact`.
 */
export interface TrainResult extends Timing, Partial<RegressionMetrics>, Partial<StringMetrics> {
  /** Of a forecast with `loss: 'bce'`: negative log-likelihood of a step, see `ForecastMetrics.nll`. */
  readonly nll?: number
  /** Mean loss over the answers (one for each clip or valid frame), each as the model was at its step. */
  readonly loss: number
  /**
   * Share of right predictions, 0…1, each as the model was at its step; of several labels, all of them must be right. Not a
   * number for a regression.
   */
  readonly accuracy: number
  /** Samples seen. */
  readonly samples: number
  /** Optimizer updates. */
  readonly steps: number
}

export const TRAIN_KEYS = [
  'optimizer',
  'loss',
  'teacherForcing',
  'clipNorm',
  'clipValue',
  'accumulate',
  'signal',
  'onBatch',
  'reportEvery',
  'progress',
]
const DEFAULT_REPORT_EVERY = 10

/**
 * Trains a model on one epoch of a loader.
 *
 * @throws {TypeError} For an argument of a wrong type, an option that does not exist, or another model's optimizer.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` or `ERR_DATA` when the data does not fit or its dataset fails,
 * `ERR_NON_FINITE_LOSS` when the loss or a gradient becomes NaN or infinite (the parameters are as before that step),
 * `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
 *
 * @example
 * ```ts
 * import { AdamW, CnnLstm, DataLoader, TensorDataset, train } from 'zoetrope'
 *
 * await using model = await CnnLstm.create({ input: { features: 3 }, classes: ['walk', 'run'] })
 * const inputs = { data: new Float32Array(8 * 20 * 3), shape: [8, 20, 3] }
 * const loader = new DataLoader(new TensorDataset({ inputs, targets: [0, 1, 0, 1, 0, 1, 0, 1] }), { batchSize: 4 })
 *
 * const optimizer = new AdamW(model, { learningRate: 1e-3 })
 * for (let epoch = 1; epoch <= 3; epoch++) {
 *   const { loss, accuracy } = await train(model, loader, { optimizer, clipNorm: 1 })
 *   console.log(epoch, loss, accuracy)
 * }
 * ```
 */
export async function train(model: AnyCnnLstm, loader: DataLoader, options: TrainOptions): Promise<TrainResult> {
  const settings = checkTrainOptions(model, options)
  return trainEpoch(model, checkLoader(loader, 'loader'), settings)
}

/** Checked {@link TrainOptions}. */
export interface TrainSettings {
  readonly optimizer: OptimizerHandle
  readonly update: Pick<NativeOptimizer, 'clipNorm' | 'clipValue' | 'emaDecay'>
  readonly loss: CheckedLoss
  readonly teacherForcing: CheckedForcing
  readonly accumulate: number
  readonly signal: AbortSignal | undefined
  readonly onBatch: TrainOptions['onBatch']
  readonly reportEvery: number
  readonly progress: boolean
}

export function checkTrainOptions(model: AnyCnnLstm, options: TrainOptions): TrainSettings {
  const owner = modelHandle(model)
  options = checkOptions(options, 'options', TRAIN_KEYS)
  const { optimizer, loss, teacherForcing, clipNorm, clipValue, accumulate = 1, signal, onBatch } = options
  const { reportEvery = DEFAULT_REPORT_EVERY, progress = true } = options
  checkCallback(onBatch, 'onBatch')
  return {
    optimizer: optimizerHandle(optimizer, owner),
    loss: checkLoss(loss, model.config),
    teacherForcing: checkTeacherForcing(teacherForcing, model.config.head.kind),
    update: {
      ...(clipNorm !== undefined && { clipNorm: checkLimit(clipNorm, 'clipNorm') }),
      ...(clipValue !== undefined && { clipValue: checkLimit(clipValue, 'clipValue') }),
    },
    accumulate: checkInteger(accumulate, 'accumulate', 1),
    signal: checkSignal(signal, 'signal'),
    onBatch,
    reportEvery: checkInteger(reportEvery, 'reportEvery', 1),
    progress: checkBoolean(progress, 'progress'),
  }
}

/** An epoch that is not part of a run. */
const ONE_EPOCH: ScheduleRun = {
  totalSteps: undefined,
  metric: () => {
    throw new RangeError(
      'Expected a schedule that does not look at metrics outside of `fit`, received one that does, such as reduceOnPlateau()',
    )
  },
}

/** What an epoch is part of. */
interface EpochPlace {
  /** Heads the progress line. */
  readonly title?: string
  readonly run?: ScheduleRun
  /** Where features of a frozen encoder are kept. */
  readonly features?: FeatureCache | undefined
}

/** One epoch with checked arguments. */
export async function trainEpoch(
  model: AnyCnnLstm,
  loader: DataLoader,
  settings: TrainSettings,
  { title = 'train', run = ONE_EPOCH, features }: EpochPlace = {},
): Promise<TrainResult> {
  const { signal, onBatch, reportEvery, accumulate } = settings
  const { head } = model.config
  const abort = new AbortScope(signal)
  const handle = modelHandle(model)
  try {
    const updates = new Updates(settings, run, handle)
    const { metrics, seconds } = await runPass({
      handle,
      loader,
      abort,
      progress: new ProgressLine(title, settings.progress),
      prepare: (pass, batch) => updates.prepare(pass, batch),
      finish: (pass) => updates.finish(pass),
      head,
      loss: settings.loss,
      features,
      onBatch,
      reportEvery,
    })
    const { loss, samples } = metrics
    const steps = Math.ceil(metrics.steps / accumulate)
    const scores = {
      accuracy: accuracy(metrics, head),
      ...regressionMetrics(metrics, head),
      ...stringMetrics(metrics, head),
      ...likelihood(metrics, model),
    }
    return { loss, ...scores, samples, steps, ...timing(samples, seconds) }
  } finally {
    abort.release()
  }
}

/** Hands batches to the engine, every so many with an update. */
class Updates {
  readonly #settings: TrainSettings
  readonly #run: ScheduleRun
  readonly #handle: ModelHandle
  #batches = 0

  constructor(settings: TrainSettings, run: ScheduleRun, handle: ModelHandle) {
    this.#settings = settings
    this.#run = run
    this.#handle = handle
    settings.optimizer.current(run) //                a schedule that does not fit fails before the first step
  }

  /** A batch with the optimizer as it is now, not when the engine gets to it. */
  prepare(pass: NativePass, batch: NativeBatch): PreparedStep {
    const { native, learningRate } = this.#current()
    const forcing = this.#settings.teacherForcing(this.#settings.optimizer.steps())
    this.#handle.markChanged() //                     without an update too: batch norms take statistics
    if (++this.#batches % this.#settings.accumulate !== 0)
      return { job: () => pass.trainBatch(batch, null, forcing), learningRate }
    return { ...this.#counted(() => pass.trainBatch(batch, native, forcing)), learningRate }
  }

  /** The update by a last group that is not full. */
  finish(pass: NativePass): Pick<PreparedStep, 'job' | 'undo'> | undefined {
    if (this.#batches % this.#settings.accumulate === 0) return undefined
    const { native } = this.#current()
    return this.#counted(() => pass.update(native))
  }

  #current(): { readonly native: NativeOptimizer; readonly learningRate: number } {
    const { native, learningRate } = this.#settings.optimizer.current(this.#run)
    return { native: { ...native, ...this.#settings.update }, learningRate }
  }

  /** Counts the update now, so that the next one is prepared for its own step; one that is not made is taken back. */
  #counted(job: PreparedStep['job']): Pick<PreparedStep, 'job' | 'undo'> {
    const { optimizer } = this.#settings
    optimizer.count(1)
    return { job, undo: () => optimizer.count(-1) }
  }
}

function checkLimit(value: number, name: string): number {
  if (checkNumber(value, name, 0) > 0) return value
  throw rangeError('a finite number above 0', name, value)
}
