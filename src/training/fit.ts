import { checkBoolean, checkCallback, checkInteger, checkOptions } from '../common/checks'
import { checkLoader } from '../data/data-loader'
import { FitRun } from './fit-run'
import { checkEarlyStopping, checkEma } from './fit-weights'
import { checkMetricName, checkMetricOf } from '../evaluation/metric-names'
import { TRAIN_KEYS, checkTrainOptions } from './train'
import { checkValidation } from './validation'
import type { DataLoader } from '../data/data-loader'
import type { EarlyStoppingOptions, EmaOptions } from './fit-weights'
import type { MetricName } from '../evaluation/metric-names'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { TestResult } from '../evaluation/test'
import type { TrainOptions, TrainResult } from './train'

/** What one epoch of {@link fit} came to. */
export interface EpochRecord {
  /** Number of the epoch, from 1. */
  readonly epoch: number
  readonly train: TrainResult
  /** Present when `fit` was given validation data. */
  readonly validation?: TestResult
}

/** Options of {@link fit}: those of {@link train}, and: */
export interface FitOptions extends TrainOptions {
  /** Data to learn from. */
  readonly train: DataLoader
  /**
   * Data to test on after each epoch: a loader, or a share in (0, 1) of the training data, split off at the start by the
   * loader's seed, stratified where targets are classes, and not trained on. For groups that must stay together, use
   * {@link split}. Default none.
   */
  readonly validation?: DataLoader | number | undefined
  /** Number of the last epoch. */
  readonly epochs: number
  /**
   * Epochs that an earlier run has done. Numbering goes on from there, and so do the orders of `train`:
   * `train.setEpoch(initialEpoch)` is called. Default 0, which leaves the loader's own count alone.
   */
  readonly initialEpoch?: number | undefined
  /**
   * The metric of the validation data (of the training data without any) by which the best epoch is chosen: however the
   * run ends, by its last epoch, early, by an error or abort, the model then has the weights of that epoch. Default the
   * metric of `earlyStopping`, and without that the weights of the last step.
   */
  readonly best?: MetricName | undefined
  /**
   * Whether validation computes the area under the ROC curve, see {@link TestOptions.auc}. Default whether `best` or
   * `earlyStopping` goes by it.
   */
  readonly auc?: boolean | undefined
  /** Ends the run when a metric has not improved for some epochs. Default none. */
  readonly earlyStopping?: EarlyStoppingOptions | undefined
  /**
   * Keeps a running average of the weights, updated with every step, as `torch.optim.swa_utils.AveragedModel` with
   * `get_ema_multi_avg_fn(decay)`. Validation, `onEpoch`, the best weights and the end of the run have the averages in
   * the model, training its own weights. Default none.
   */
  readonly ema?: EmaOptions | undefined
  /** Called after each epoch and awaited. Returning `'stop'` ends the run there. */
  readonly onEpoch?: ((record: EpochRecord) => unknown) | undefined
  /**
   * Whether to look at inputs and targets of the first few batches before the first epoch, for a second at most, and to
   * warn (`process.emitWarning`, code `ZOETROPE_AUDIT`) of what would spoil the training. {@link audit} looks at more.
   * Default true.
   */
  readonly audit?: boolean | undefined
}

const FIT_KEYS = [
  'train',
  'validation',
  'epochs',
  'initialEpoch',
  'best',
  'auc',
  'earlyStopping',
  'ema',
  'onEpoch',
  'audit',
]

/**
 * Trains for a number of epochs, testing after each where validation data is given.
 *
 * Nothing happens until the run is awaited or iterated. `await run` does all epochs and gives their records;
 * `for await (const epoch of run)` does one epoch for each turn of the loop, and leaving the loop ends the run there.
 * Awaiting it afterwards gives the records there are. A run happens once, however often it is awaited or iterated.
 *
 * @throws {TypeError} For an argument of a wrong type, an option that does not exist, or another model's optimizer.
 * @throws {RangeError} For a number of epochs out of range.
 */
export function fit(model: AnyCnnLstm, options: FitOptions): FitRun {
  checkOptions(options, 'options', [...FIT_KEYS, ...TRAIN_KEYS])
  const {
    train,
    validation,
    epochs,
    initialEpoch = 0,
    best,
    auc,
    earlyStopping,
    ema,
    audit = true,
    onEpoch,
    ...training
  } = options
  checkCallback(onEpoch, 'onEpoch')
  const settings = checkTrainOptions(model, training)
  const decay = checkEma(ema)
  const stopping = checkEarlyStopping(earlyStopping)
  const loader = checkLoader(train, 'train')
  const isTested = validation !== undefined
  if (stopping) checkMetricOf(model, stopping.metric, 'earlyStopping.metric', { isTested })
  if (best !== undefined) checkMetricOf(model, checkMetricName(best, 'best'), 'best', { isTested })
  return new FitRun({
    model,
    training: decay === undefined ? settings : { ...settings, update: { ...settings.update, emaDecay: decay } },
    train: loader,
    validation: checkValidation(validation, loader),
    epochs: checkInteger(epochs, 'epochs', 1),
    initialEpoch: checkInteger(initialEpoch, 'initialEpoch', 0, epochs),
    best: best ?? stopping?.metric,
    auc: checkBoolean(auc ?? [best, stopping?.metric].includes('auc'), 'auc'),
    earlyStopping: stopping,
    onEpoch,
    isAudited: checkBoolean(audit, 'audit'),
  })
}
