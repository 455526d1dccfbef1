import { checkBoolean, checkCallback, checkInteger, checkOptions } from './checks'
import { checkLoader } from './data-loader'
import { FitWeights, checkEarlyStopping, checkEma } from './fit-weights'
import { checkMetricName, checkMetricOf, metricOf } from './metric-names'
import { modelHandle } from './model'
import { testEpoch } from './test'
import { TRAIN_KEYS, checkTrainOptions, trainEpoch } from './train'
import { checkValidation, runData } from './validation'
import type { DataLoader } from './data-loader'
import type { AnyCnnLstm } from './model'
import type { EarlyStopping, EarlyStoppingOptions, EmaOptions } from './fit-weights'
import type { MetricName } from './metric-names'
import type { ScheduleRun } from './schedule-run'
import type { TestResult } from './test'
import type { TrainOptions, TrainResult, TrainSettings } from './train'
import type { RunData } from './validation'

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
}

interface FitSettings {
  readonly model: AnyCnnLstm
  readonly train: DataLoader
  readonly validation: DataLoader | number | undefined
  readonly epochs: number
  readonly initialEpoch: number
  readonly best: MetricName | undefined
  readonly auc: boolean
  readonly earlyStopping: EarlyStopping | undefined
  readonly onEpoch: FitOptions['onEpoch']
  readonly training: TrainSettings
}

const FIT_KEYS = ['train', 'validation', 'epochs', 'initialEpoch', 'best', 'auc', 'earlyStopping', 'ema', 'onEpoch']

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
  const { train, validation, epochs, initialEpoch = 0, best, auc, earlyStopping, ema, onEpoch, ...training } = options
  checkCallback(onEpoch, 'onEpoch')
  const settings = checkTrainOptions(model, training)
  const decay = checkEma(ema)
  const stopping = checkEarlyStopping(earlyStopping)
  const loader = checkLoader(train, 'train')
  const run = new FitRun({
    model,
    training: decay === undefined ? settings : { ...settings, update: { ...settings.update, emaDecay: decay } },
    train: loader,
    validation: checkValidation(validation, loader),
    epochs: checkInteger(epochs, 'epochs', 1),
    initialEpoch: checkInteger(initialEpoch, 'initialEpoch', 0, epochs),
    best: best === undefined ? stopping?.metric : checkMetricName(best, 'best'),
    auc: checkBoolean(auc ?? [best, stopping?.metric].includes('auc'), 'auc'),
    earlyStopping: stopping,
    onEpoch,
  })
  const isTested = validation !== undefined
  if (stopping) checkMetricOf(model, stopping.metric, 'earlyStopping.metric', { isTested })
  if (best !== undefined) checkMetricOf(model, best, 'best', { isTested })
  return run
}

/** A run of {@link fit}: await it for all epochs' records, or iterate it epoch by epoch. */
export class FitRun implements PromiseLike<EpochRecord[]>, AsyncIterable<EpochRecord> {
  readonly #settings: FitSettings
  readonly #history: EpochRecord[] = []
  readonly #weights: FitWeights
  readonly #schedule: ScheduleRun
  #data: RunData | undefined
  #ending: Promise<void> | undefined
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isFinished: boolean

  /** @internal */
  constructor(settings: FitSettings) {
    this.#settings = settings
    this.#isFinished = settings.initialEpoch === settings.epochs
    const { model, training, best, earlyStopping } = settings
    this.#weights = new FitWeights({
      handle: modelHandle(model),
      optimizer: training.optimizer.id,
      best,
      earlyStopping,
      hasAverage: training.update.emaDecay !== undefined,
    })
    this.#schedule = {
      totalSteps: undefined,
      metric: (name) => this.#history.map((record) => known(metricOf(record, name), name)),
    }
    if (typeof settings.validation !== 'number') this.#begin({ train: settings.train, validation: settings.validation })
  }

  /** Does the epochs that are left and gives the records of all. */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting it is what it is for
  then<Result = EpochRecord[], Failed = never>(
    onFulfilled?: ((history: EpochRecord[]) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Result | Failed> {
    return this.#finish().then(onFulfilled, onRejected)
  }

  /** As of a promise. */
  catch<Failed = never>(
    onRejected?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<EpochRecord[] | Failed> {
    return this.#finish().catch(onRejected)
  }

  /** As of a promise. */
  finally(onFinally?: (() => void) | null): Promise<EpochRecord[]> {
    return this.#finish().finally(onFinally)
  }

  /** Does one epoch for each turn of the loop; epochs that are done already come first. */
  [Symbol.asyncIterator](): AsyncIterableIterator<EpochRecord> {
    return this.#iterate()
  }

  async *#iterate(): AsyncGenerator<EpochRecord, void> {
    let hasLeft = true
    try {
      for (let done = 0; ; done++) {
        if (done === this.#history.length) await this.#advance()
        const record = this.#history[done]
        if (record === undefined) break
        yield record
      }
      hasLeft = false
    } finally {
      if (hasLeft) {
        this.#isFinished = true
        await this.#end()
      }
    }
  }

  async #finish(): Promise<EpochRecord[]> {
    while (!this.#isFinished || this.#running !== undefined || this.#failure !== undefined) await this.#advance()
    return [...this.#history]
  }

  /** Does the next epoch if there is one; whoever asks while it runs waits for the same. */
  async #advance(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#isFinished && this.#running === undefined) return
    this.#running ??= this.#runEpoch()
    await this.#running
  }

  async #runEpoch(): Promise<void> {
    const { model, epochs, initialEpoch, auc, onEpoch, training } = this.#settings
    const epoch = initialEpoch + this.#history.length + 1
    const title = `epoch ${epoch}/${epochs}`
    try {
      const { train, validation } =
        this.#data ?? this.#begin(await runData(this.#settings.train, this.#settings.validation))
      if (epoch === initialEpoch + 1 && initialEpoch > 0) this.#resume(train)
      await this.#weights.beforeTraining()
      const trained = await trainEpoch(model, train, training, { title: `${title} · train`, run: this.#schedule })
      await this.#weights.afterTraining()
      const tested = validation && (await testEpoch(model, validation, { ...training, auc }, `${title} · test`))
      const record: EpochRecord = { epoch, train: trained, ...(tested && { validation: tested }) }
      const isTimeToStop = await this.#weights.see(record)
      const wish = await onEpoch?.(record)
      this.#history.push(record)
      if (epoch === epochs || wish === 'stop' || isTimeToStop) {
        this.#isFinished = true
        await this.#end()
      }
    } catch (error) {
      this.#failure = { error }
      await this.#end()
      throw error
    } finally {
      this.#running = undefined
    }
  }

  /** The data is known, and with it how many updates there will be. */
  #begin(data: RunData): RunData {
    const steps = this.#stepsOf(data.train)
    Object.assign(this.#schedule, { totalSteps: steps === undefined ? undefined : steps * this.#settings.epochs })
    this.#data = data
    this.#settings.training.optimizer.current(this.#schedule) //      a schedule that does not fit fails before any step
    return data
  }

  /** Orders and schedule go on as if the epochs before had been made here. */
  #resume(train: DataLoader): void {
    const { initialEpoch, training } = this.#settings
    train.setEpoch(initialEpoch)
    if (training.optimizer.steps() === 0) training.optimizer.count(initialEpoch * (this.#stepsOf(train) ?? 0))
  }

  #stepsOf({ length }: DataLoader): number | undefined {
    return length === undefined ? undefined : Math.ceil(length / this.#settings.training.accumulate)
  }

  /** Gives the model the weights that it is to have; once. */
  async #end(): Promise<void> {
    this.#ending ??= this.#weights.end()
    await this.#ending
  }
}

function known(value: number, metric: MetricName): number {
  if (!Number.isNaN(value)) return value
  const hint = metric === 'auc' ? '; `auc: true` has `fit` compute it' : ''
  throw new RangeError(`Expected a schedule by a metric that the epochs have, received one by '${metric}'${hint}`)
}
