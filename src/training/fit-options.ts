import type { DataLoader } from '../data/data-loader'
import type { MetricName } from '../evaluation/metric-names'
import type { ClipClassification, HeadType } from '../config/head'
import type { TestResultOf } from '../evaluation/test'
import type { LogOptions } from '../logs/options'
import type { FitReportOptions } from '../report/fit-report'
import type { FeatureCacheUse } from '../model/feature-cache'
import type { FeatureCacheOptions } from './fit-features'
import type { EarlyStoppingOptions, EmaOptions } from './fit-weights'
import type { TrainOptions, TrainResult } from './train'

/** The results of one epoch of `fit`. */
export interface EpochRecord<Head extends HeadType = ClipClassification> {
  /** Number of the epoch, from 1. */
  readonly epoch: number
  readonly train: TrainResult
  /** Present when `fit` was given validation data. */
  readonly validation?: TestResultOf<Head>
  /** What is kept of a frozen encoder's features, of training and validation data. Present where it is, see `featureCache`. */
  readonly featureCache?: FeatureCacheUse
}

/** Options of `fit`. It has every option of `train` too. */
export interface FitOptions<Head extends HeadType = ClipClassification> extends TrainOptions {
  /** Data to learn from. */
  readonly train: DataLoader
  /**
   * Data to test on after each epoch: a loader, or a share in (0, 1) of the training data, split off at the start by the
   * loader's seed, stratified where targets are classes, and not trained on. For groups that must stay together, use
   * `split`. Default none.
   */
  readonly validation?: DataLoader | number | undefined
  /** Number of the last epoch. */
  readonly epochs: number
  /**
   * Epochs that an earlier run has done. Numbering goes on from there, and so do the orders of `train`:
   * `train.setEpoch(initialEpoch)` is called. The schedule goes on as well: `optimizer.steps` becomes what it was after
   * that epoch, where the optimizer has done it or has no steps yet. Default the length of `history`, and without that
   * 0, which leaves the loader's own count alone.
   */
  readonly initialEpoch?: number | undefined
  /**
   * The records of these epochs, as the earlier runs gave them, or as JSON kept them: what `reduceOnPlateau` looks at.
   * An optimizer that has done them itself knows them. Default what it knows.
   */
  readonly history?: readonly EpochRecord<Head>[] | undefined
  /**
   * The metric by which the best epoch is chosen: of the validation data, or of the training data if there is none.
   * When the run ends, the model gets the weights of that epoch. This holds for a run that ends early, by an error or
   * by an abort too. Default: the metric of `earlyStopping`. Without both, the weights of the last step stay.
   */
  readonly best?: MetricName | undefined
  /**
   * Whether validation computes the area under the ROC curve, see `TestOptions.auc`. Default whether `best` or
   * `earlyStopping` goes by it.
   */
  readonly auc?: boolean | undefined
  /** Ends the run when a metric has not improved for some epochs. Default none. */
  readonly earlyStopping?: EarlyStoppingOptions | undefined
  /**
   * Keeps a running average of the weights, updated with every step, as `torch.optim.swa_utils.AveragedModel` with
   * `get_ema_multi_avg_fn(decay)`. Validation, `onEpoch`, the best weights and the end of the run have the averages in
   * the model, training its own weights. The next run with `ema` and the same optimizer goes on from the trained
   * weights, unless the model was given others meanwhile. Default none.
   */
  readonly ema?: EmaOptions | undefined
  /** Called after each epoch and awaited, but not past an abort. Returning `'stop'` ends the run there. */
  readonly onEpoch?: ((record: EpochRecord<Head>) => unknown) | undefined
  /**
   * Whether the features of a frozen encoder are computed once for each clip. Epochs after the first then neither read
   * frames nor encode them, and cost what the rest of the model costs. Losses, figures and weights are the same to the bit.
   *
   * Features are kept where they are the same at each step: every parameter named `cnn.` is frozen, and training data has
   * no `augment` and the encoder no dropout. A forecast keeps none. Weights may change at any time: features of other
   * weights are dropped.
   *
   * By default features are kept of data that is known to be the same in each epoch: {@link TensorDataset}, {@link
   * FolderDataset}, {@link NpyDataset}, {@link NpzDataset}, and {@link Subset} of one. `true` or options keep them of any
   * dataset, whose `get(index)` must then always give the same sample; `false` keeps none. Default 1 GiB in memory
   * (`limit`, in bytes, for training and validation data together), and the rest in a file without a name in the system's
   * temporary folder. Both are freed when the run ends, however it ends.
   */
  readonly featureCache?: boolean | FeatureCacheOptions | undefined
  /**
   * Whether to look at inputs and targets of the first few batches before the first epoch, for a second at most, and to
   * warn (`process.emitWarning`, code `ZOETROPE_AUDIT`) of what would spoil the training. `audit` looks at more.
   * Default true.
   */
  readonly audit?: boolean | undefined
  /**
   * Writes a report when the run has ended well: one HTML file, of the validation data, or of the training data if there
   * is none, with the weights that the model then has. See {@link writeReport}. Default none.
   */
  readonly report?: string | URL | FitReportOptions | undefined
  /**
   * Writes event files for TensorBoard into a folder: loss, metrics, learning rate, gradient norm, and some clips as
   * pictures. Steps are updates, those of earlier runs included, so a run that is taken up again goes on in the same
   * folder. Loss and gradient norm are read every `reportEvery` steps. Default none.
   */
  readonly logs?: string | URL | LogOptions | undefined
}
