import { warnOfEpoch, warnOfFindings } from '../audit/warn'
import { FitFeatures } from './fit-features'
import { FitWeights } from './fit-weights'
import { AbortScope } from '../common/abort'
import { checkMetricName, checkMetricOf, figureOf, namedFigures } from '../evaluation/metric-names'
import { modelHandle } from '../model/cnn-lstm'
import { testEpoch } from '../evaluation/test'
import { trainEpoch } from './train'
import { runData } from './validation'
import type { DataLoader } from '../data/data-loader'
import type { EpochRecord, FitOptions } from './fit-options'
import type { CheckedFeatureCache } from './fit-features'
import type { EarlyStopping } from './fit-weights'
import type { FitObserver } from '../observer'
import type { EpochFigures, MetricName } from '../evaluation/metric-names'
import type { ClipClassification, HeadType } from '../config/head'
import type { AnyTestResult } from '../evaluation/test'
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
  /** Of the epochs before, where the user has them. */
  readonly history: readonly EpochFigures[] | undefined
  readonly best: MetricName | undefined
  readonly auc: boolean
  readonly earlyStopping: EarlyStopping | undefined
  readonly featureCache: CheckedFeatureCache
  readonly onEpoch: FitOptions<HeadType>['onEpoch']
  readonly isAudited: boolean
  readonly observers: readonly FitObserver[]
  readonly training: TrainSettings
}

/** A run of {@link fit}: await it for all epochs' records, or iterate it epoch by epoch. */
export class FitRun<Head extends HeadType = ClipClassification>
  implements PromiseLike<EpochRecord<Head>[]>, AsyncIterable<EpochRecord<Head>>
{
  readonly #settings: FitSettings
  readonly #history: EpochRecord<Head>[] = []
  readonly #weights: FitWeights
  readonly #features: FitFeatures
  #data: RunData | undefined
  /** What is known of the epochs before. */
  #known: readonly EpochFigures[] | undefined
  #isPrepared = false
  #isWarned = false
  #ending: Promise<void> | undefined
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isFinished: boolean

  /** @internal */
  constructor(settings: FitSettings) {
    this.#settings = settings
    this.#isFinished = settings.initialEpoch === settings.epochs
    const { model, training, best, earlyStopping, featureCache } = settings
    const handle = modelHandle(model)
    this.#features = new FitFeatures(handle, featureCache)
    this.#weights = new FitWeights({
      handle,
      optimizer: training.optimizer,
      best,
      earlyStopping,
      hasAverage: training.update.emaDecay !== undefined,
    })
    if (typeof settings.validation !== 'number') this.#begin({ train: settings.train, validation: settings.validation })
  }

  /** Does the epochs that are left and gives the records of all. */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting it is what it is for
  then<Result = EpochRecord<Head>[], Failed = never>(
    onFulfilled?: ((history: EpochRecord<Head>[]) => Result | PromiseLike<Result>) | null,
    onRejected?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Result | Failed> {
    return this.#finish().then(onFulfilled, onRejected)
  }

  /** As of a promise. */
  catch<Failed = never>(
    onRejected?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<EpochRecord<Head>[] | Failed> {
    return this.#finish().catch(onRejected)
  }

  /** As of a promise. */
  finally(onFinally?: (() => void) | null): Promise<EpochRecord<Head>[]> {
    return this.#finish().finally(onFinally)
  }

  /** Does one epoch for each turn of the loop; epochs that are done already come first. */
  [Symbol.asyncIterator](): AsyncIterableIterator<EpochRecord<Head>> {
    return this.#iterate()
  }

  async *#iterate(): AsyncGenerator<EpochRecord<Head>, void> {
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
      if (hasLeft) await this.#leave()
    }
  }

  /** Ends the run, behind an epoch that somebody else waits for. */
  async #leave(): Promise<void> {
    this.#isFinished = true
    await this.#running?.catch(() => undefined) //       the error goes to whoever waits for the epoch
    await this.#end()
  }

  async #finish(): Promise<EpochRecord<Head>[]> {
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
    const { model, epochs, initialEpoch, onEpoch, training } = this.#settings
    const epoch = initialEpoch + this.#history.length + 1
    const title = `epoch ${epoch}/${epochs}`
    try {
      const { train, validation } = this.#data ?? (await this.#split())
      if (!this.#isPrepared) await this.#prepare({ train, validation })
      await this.#weights.beforeTraining()
      const trained = await trainEpoch(model, train, this.#observed(training), {
        title: `${title} · train`,
        run: this.#scheduleOf(train),
        features: await this.#features.of(train, 'training'),
      })
      await this.#weights.afterTraining()
      this.#warnOfBlanks(trained.empty)
      const tested = validation && (await this.#test(validation, `${title} · test`))
      const featureCache = this.#features.used()
      const record: EpochRecord<HeadType> = {
        epoch,
        train: trained,
        ...(tested && { validation: tested }),
        ...(featureCache && { featureCache }),
      }
      const isTimeToStop = await this.#weights.see(record)
      await this.#tell(async (observer) => observer.epoch(record, training.optimizer.steps()))
      const wish = await this.#race(async () => onEpoch?.(record))
      training.optimizer.epochs.record(epoch, { figures: namedFigures(record), steps: training.optimizer.steps() })
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the model's head decides which metrics there are
      this.#history.push(record as unknown as EpochRecord<Head>)
      if (epoch === epochs || wish === 'stop' || isTimeToStop) this.#isFinished = true
      if (this.#isFinished) await this.#end()
    } catch (error) {
      this.#failure = { error }
      await this.#end().catch(() => undefined) //        the first error is the one that says what happened
      throw error
    } finally {
      this.#running = undefined
    }
  }

  async #test(validation: DataLoader, title: string): Promise<AnyTestResult> {
    const { model, training, auc } = this.#settings
    const features = await this.#features.of(validation, 'evaluation')
    return testEpoch(model, validation, { ...training, auc }, { title, features })
  }

  /** Warns once of an epoch whose answers were nothing but blanks. */
  #warnOfBlanks(empty: number | undefined): void {
    const { isAudited, training } = this.#settings
    if (isAudited && !this.#isWarned) this.#isWarned = warnOfEpoch(empty, training.optimizer.steps())
  }

  /** Waits for what a user's code or data does, but not past an abort or the end of the model. */
  async #race<T>(work: () => Promise<T>): Promise<T> {
    const abort = new AbortScope(this.#settings.training.signal)
    const forget = modelHandle(this.#settings.model).onDispose((error) => abort.end(error))
    try {
      abort.throwIfAborted()
      return await abort.race(work())
    } finally {
      forget()
      abort.release()
    }
  }

  async #split(): Promise<RunData> {
    const { train, validation, training } = this.#settings
    return this.#begin(await this.#race(async () => runData(train, validation, training.signal)))
  }

  /** Takes the data that the run is about. A schedule that does not fit it fails here, before any step. */
  #begin(data: RunData): RunData {
    this.#settings.training.optimizer.current(this.#scheduleOf(data.train))
    this.#data = data
    return data
  }

  /** Before the first epoch. */
  async #prepare({ train, validation }: RunData): Promise<void> {
    const { model, initialEpoch, isAudited, training } = this.#settings
    this.#isPrepared = true
    if (initialEpoch > 0) this.#resume(train)
    const findings = isAudited ? await this.#race(async () => warnOfFindings(model, train, training.signal)) : []
    const step = training.optimizer.steps()
    await this.#tell(async (observer) => observer.begin({ train, validation, initialEpoch, step, findings }))
  }

  async #tell(what: (observer: FitObserver) => Promise<void>): Promise<void> {
    for (const observer of this.#settings.observers) await this.#race(async () => what(observer))
  }

  /** A training that tells those who look on of each batch before the user. */
  #observed(training: TrainSettings): TrainSettings {
    const observers = this.#settings.observers.filter(({ batch }) => batch !== undefined)
    if (observers.length === 0) return training
    const before = training.optimizer.steps()
    const onBatch: TrainSettings['onBatch'] = async (report) => {
      const step = before + Math.ceil(report.step / training.accumulate)
      for (const observer of observers) await observer.batch?.(report, step)
      return training.onBatch?.(report)
    }
    return { ...training, onBatch }
  }

  #scheduleOf(train: DataLoader): ScheduleRun {
    const steps = this.#stepsOf(train)
    return {
      totalSteps: steps === undefined ? undefined : Math.max(steps * this.#settings.epochs, 1),
      metric: (name) => this.#valuesOf(name),
    }
  }

  /** A metric after each epoch, those of earlier runs included. */
  #valuesOf(name: MetricName): number[] {
    const { model, validation, auc } = this.#settings
    const isTested = validation !== undefined
    checkMetricOf(model, checkMetricName(name, "schedule's metric"), "schedule's metric", { isTested })
    if (name === 'auc' && !auc)
      throw new RangeError("Expected `auc: true` with a schedule by 'auc', so that `fit` computes it")
    if (!this.#isPrepared) return [] //                  only whether the schedule fits is asked
    return [...this.#earlier(), ...this.#history].map((figures, index) => {
      const value = figureOf(figures, name)
      if (value !== undefined) return value
      throw new RangeError(`Expected '${name}' in the record of epoch ${index + 1}, by which the schedule goes`)
    })
  }

  #earlier(): readonly EpochFigures[] {
    const { history, initialEpoch, training } = this.#settings
    this.#known ??= history ?? training.optimizer.epochs.figures(initialEpoch)
    if (this.#known !== undefined) return this.#known
    const text =
      `the schedule goes by a metric of the epochs, and the ${initialEpoch} before are unknown: it begins anew; ` +
      '`history` takes their records'
    process.emitWarning(text, { type: 'ZoetropeWarning', code: 'ZOETROPE_HISTORY' })
    this.#known = []
    return this.#known
  }

  /** Orders and schedule go on as if the epochs before had been made here. */
  #resume(train: DataLoader): void {
    const { initialEpoch, history, training } = this.#settings
    const { optimizer } = training
    train.setEpoch(initialEpoch)
    const steps = optimizer.steps()
    const before = steps === 0 ? initialEpoch * (this.#stepsOf(train) ?? 0) : optimizer.epochs.stepsAfter(initialEpoch)
    optimizer.count((before ?? steps) - steps)
    if (history !== undefined) optimizer.epochs.assume(history)
  }

  #stepsOf({ length }: DataLoader): number | undefined {
    return length === undefined ? undefined : Math.ceil(length / this.#settings.training.accumulate)
  }

  /** Gives the model the weights that it is to have; once. */
  async #end(): Promise<void> {
    this.#ending ??= this.#close()
    await this.#ending
  }

  /** Sets the weights right. A run without a failure is then told to those who look on. */
  async #close(): Promise<void> {
    this.#features.release()
    try {
      await this.#weights.end()
      const isTold = this.#failure === undefined && this.#history.length > 0
      if (isTold) await this.#tell(async (observer) => observer.end(this.#history))
    } finally {
      await Promise.all(this.#settings.observers.map(async (observer) => observer.close()))
    }
  }
}
