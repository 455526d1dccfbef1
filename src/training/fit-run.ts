import { warnOfFindings } from '../audit/warn'
import { FitWeights } from './fit-weights'
import { metricOf } from '../evaluation/metric-names'
import { modelHandle } from '../model/cnn-lstm'
import { testEpoch } from '../evaluation/test'
import { trainEpoch } from './train'
import { runData } from './validation'
import type { DataLoader } from '../data/data-loader'
import type { EpochRecord, FitOptions } from './fit-options'
import type { EarlyStopping } from './fit-weights'
import type { MetricName } from '../evaluation/metric-names'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { ScheduleRun } from '../optimizer/schedule-run'
import type { TrainSettings } from './train'
import type { RunData } from './validation'

/** Checked options of `fit`. */
export interface FitSettings {
  readonly model: AnyCnnLstm
  readonly train: DataLoader
  readonly validation: DataLoader | number | undefined
  readonly epochs: number
  readonly initialEpoch: number
  readonly best: MetricName | undefined
  readonly auc: boolean
  readonly earlyStopping: EarlyStopping | undefined
  readonly onEpoch: FitOptions['onEpoch']
  readonly isAudited: boolean
  readonly training: TrainSettings
}

/** A run of {@link fit}: await it for all epochs' records, or iterate it epoch by epoch. */
export class FitRun implements PromiseLike<EpochRecord[]>, AsyncIterable<EpochRecord> {
  readonly #settings: FitSettings
  readonly #history: EpochRecord[] = []
  readonly #weights: FitWeights
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
    const { model, epochs, initialEpoch, auc, isAudited, onEpoch, training } = this.#settings
    const epoch = initialEpoch + this.#history.length + 1
    const title = `epoch ${epoch}/${epochs}`
    try {
      const { train, validation } =
        this.#data ?? this.#begin(await runData(this.#settings.train, this.#settings.validation))
      if (epoch === initialEpoch + 1) {
        if (initialEpoch > 0) this.#resume(train)
        if (isAudited) await warnOfFindings(model, train, training.signal)
      }
      await this.#weights.beforeTraining()
      const trained = await trainEpoch(model, train, training, {
        title: `${title} · train`,
        run: this.#scheduleOf(train),
      })
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

  /** Takes the data that the run is about. A schedule that does not fit it fails here, before any step. */
  #begin(data: RunData): RunData {
    this.#settings.training.optimizer.current(this.#scheduleOf(data.train))
    this.#data = data
    return data
  }

  #scheduleOf(train: DataLoader): ScheduleRun {
    const steps = this.#stepsOf(train)
    return {
      totalSteps: steps === undefined ? undefined : steps * this.#settings.epochs,
      metric: (name) => this.#history.map((record) => known(metricOf(record, name), name)),
    }
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
