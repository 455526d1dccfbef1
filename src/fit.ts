import { checkCallback, checkInteger, checkOptions } from './checks'
import { checkLoader } from './data-loader'
import { testEpoch } from './test'
import { TRAIN_KEYS, checkTrainOptions, trainEpoch } from './train'
import type { DataLoader } from './data-loader'
import type { AnyCnnLstm } from './model'
import type { TestResult } from './test'
import type { TrainOptions, TrainResult, TrainSettings } from './train'

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
  /** Data to test on after each epoch. */
  readonly validation?: DataLoader | undefined
  /** Number of the last epoch. */
  readonly epochs: number
  /**
   * Epochs that an earlier run has done. Numbering goes on from there, and so do the orders of `train`:
   * `train.setEpoch(initialEpoch)` is called. Default 0, which leaves the loader's own count alone.
   */
  readonly initialEpoch?: number | undefined
  /** Called after each epoch and awaited. Returning `'stop'` ends the run there. */
  readonly onEpoch?: ((record: EpochRecord) => unknown) | undefined
}

interface FitSettings {
  readonly model: AnyCnnLstm
  readonly train: DataLoader
  readonly validation: DataLoader | undefined
  readonly epochs: number
  readonly initialEpoch: number
  readonly onEpoch: FitOptions['onEpoch']
  readonly training: TrainSettings
}

const FIT_KEYS = ['train', 'validation', 'epochs', 'initialEpoch', 'onEpoch']

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
  const { train, validation, epochs, initialEpoch = 0, onEpoch, ...training } = options
  checkCallback(onEpoch, 'onEpoch')
  return new FitRun({
    model,
    training: checkTrainOptions(model, training),
    train: checkLoader(train, 'train'),
    validation: validation === undefined ? undefined : checkLoader(validation, 'validation'),
    epochs: checkInteger(epochs, 'epochs', 1),
    initialEpoch: checkInteger(initialEpoch, 'initialEpoch', 0, epochs),
    onEpoch,
  })
}

/** A run of {@link fit}: await it for all epochs' records, or iterate it epoch by epoch. */
export class FitRun implements PromiseLike<EpochRecord[]>, AsyncIterable<EpochRecord> {
  readonly #settings: FitSettings
  readonly #history: EpochRecord[] = []
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isFinished: boolean

  /** @internal */
  constructor(settings: FitSettings) {
    this.#settings = settings
    this.#isFinished = settings.initialEpoch === settings.epochs
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
      if (hasLeft) this.#isFinished = true
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
    const { model, train, validation, epochs, initialEpoch, onEpoch, training } = this.#settings
    const epoch = initialEpoch + this.#history.length + 1
    const title = `epoch ${epoch}/${epochs}`
    try {
      if (epoch === initialEpoch + 1 && initialEpoch > 0) train.setEpoch(initialEpoch)
      const run = { totalSteps: updates(train, training.accumulate, epochs) }
      const trained = await trainEpoch(model, train, training, { title: `${title} · train`, run })
      const tested = validation && (await testEpoch(model, validation, training, `${title} · test`))
      const record: EpochRecord = { epoch, train: trained, ...(tested && { validation: tested }) }
      const wish = await onEpoch?.(record)
      this.#history.push(record)
      if (epoch === epochs || wish === 'stop') this.#isFinished = true
    } catch (error) {
      this.#failure = { error }
      throw error
    } finally {
      this.#running = undefined
    }
  }
}

/** Updates in so many epochs; `undefined` where the loader does not tell how many batches it has. */
function updates({ length }: DataLoader, accumulate: number, epochs: number): number | undefined {
  return length === undefined ? undefined : Math.ceil(length / accumulate) * epochs
}
