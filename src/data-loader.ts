import { checkAugment } from './augment'
import { DEFAULT_BUCKET, bucketByLength } from './bucket'
import { checkBoolean, checkInteger, checkOptions, typeError } from './checks'
import { Collator, dataError } from './collate'
import { TensorDataset, gather } from './dataset'
import { unwrap } from './errors'
import { native } from './native'
import { checkSource, isDataset, isPromise } from './data-source'
import { permutation, sequence } from './permutation'
import { Prefetcher } from './prefetcher'
import { origin } from './split/subset'
import type { AugmentConfig, AugmentOptions } from './augment'
import type { Batch } from './collate'
import type { DataSource } from './data-source'
import type { Dataset, Sample } from './dataset'
import type { NativeBatch } from './native'
import type { IsClosed } from './prefetcher'
import type { Subset } from './split/subset'

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions {
  /** Samples in a batch. Default 32. */
  readonly batchSize?: number | undefined
  /** Whether each epoch has an order of its own. Needs a dataset with `length` and `get`. Default false. */
  readonly shuffle?: boolean | undefined
  /** The order of epoch e, and what `augment` does in it, is a pure function of (seed, e), the same on every machine. Default 0. */
  readonly seed?: number | undefined
  /** Whether a last batch that is not full is left out. Default false. */
  readonly dropLast?: boolean | undefined
  /**
   * Whether each batch has clips of similar length, so that little padding is computed: the clips of every `size`
   * batches (default 100) are sorted by length, and the batches made of them are shuffled where `shuffle` is on. The
   * order stays a pure function of (seed, epoch). Needs a dataset with `lengthOf`. Default false.
   */
  readonly bucketByLength?: boolean | { readonly size?: number | undefined } | undefined
  /** How many batches are put together ahead of the one that is taken. Default 2. */
  readonly prefetch?: number | undefined
  /** Random changes of the clips, other ones in each epoch; for training data only. Default none. */
  readonly augment?: AugmentOptions | undefined
}

/** A batch on its way to a model: native at once, or as arrays for a loop by hand. */
export interface LoadedBatch {
  readonly samples: number
  toNative(): NativeBatch
  toArrays(): Batch | Promise<Batch>
}

interface Augmentation {
  readonly config: AugmentConfig
  readonly seed: number
  readonly epoch: number
  /** Each sample's index in the loader's source. */
  readonly indices: Uint32Array
}

/** What a loader is made of. */
export interface LoaderParts {
  readonly source: DataSource
  readonly options: DataLoaderOptions
  /** The number of the epoch that comes next. */
  readonly epoch: number
  /** A loader of some of the samples, with the same options. */
  readonly part: (subset: Subset) => DataLoader
}

/** The batches of one epoch. */
export type BatchStream = Prefetcher<LoadedBatch>

const KEYS = ['batchSize', 'shuffle', 'seed', 'dropLast', 'bucketByLength', 'prefetch', 'augment']
const LARGEST_SEED = Number.MAX_SAFE_INTEGER

let openStream: (loader: DataLoader) => BatchStream | undefined
let readParts: (loader: DataLoader) => LoaderParts

/**
 * Cuts a dataset into batches, epoch by epoch.
 *
 * `train`, `test` and `fit` take it; iterating it by hand yields a {@link Batch}. Each iteration is the next
 * epoch, with an order of its own when `shuffle` is on, and independent of other iterations under way.
 */
export class DataLoader implements AsyncIterable<Batch> {
  readonly #options: DataLoaderOptions
  readonly #source: DataSource
  readonly #batchSize: number
  readonly #shuffle: boolean
  readonly #seed: number
  readonly #dropLast: boolean
  readonly #prefetch: number
  readonly #augment: AugmentConfig | undefined
  /** Batches in a bucket, 0 for none. */
  readonly #bucket: number
  #epoch = 0

  static {
    openStream = (loader) => (#source in loader ? loader.#open() : undefined)
    readParts = (loader) => ({
      source: loader.#source,
      options: loader.#options,
      epoch: loader.#epoch,
      part: (subset) => new DataLoader(subset, loader.#options),
    })
  }

  /**
   * @param source - A {@link TensorDataset}, any {@link Dataset}, an array of samples, or an iterable of samples, sync
   * or async. An iterable is begun anew by every epoch: a generator object can be used for one epoch only.
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range.
   */
  constructor(source: DataSource, options: DataLoaderOptions = {}) {
    checkOptions(options, 'options', KEYS)
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false, prefetch = 2, augment } = options
    this.#options = { ...options }
    this.#source = checkSource(source)
    this.#batchSize = checkInteger(batchSize, 'batchSize', 1)
    this.#shuffle = checkBoolean(shuffle, 'shuffle')
    this.#seed = checkInteger(seed, 'seed', 0, LARGEST_SEED)
    this.#dropLast = checkBoolean(dropLast, 'dropLast')
    this.#prefetch = checkInteger(prefetch, 'prefetch', 0, 1024)
    this.#augment = augment && checkAugment(augment)
    if (this.#shuffle && !isDataset(this.#source)) {
      throw typeError('a dataset with `length` and `get` to shuffle', 'source', source)
    }
    this.#bucket = checkBucket(options.bucketByLength)
    if (this.#bucket > 0 && !knowsLengths(this.#source)) {
      throw typeError('a dataset with `lengthOf` to bucket by length', 'source', source)
    }
  }

  /** The number of batches in an epoch; `undefined` for an iterable, which does not tell. */
  get length(): number | undefined {
    if (!isDataset(this.#source)) return undefined
    const batches = this.#source.length / this.#batchSize
    return this.#dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** Says which epoch comes next, from 0: a run that is taken up again then sees the orders that it would have seen. */
  setEpoch(epoch: number): void {
    this.#epoch = checkInteger(epoch, 'epoch', 0, LARGEST_SEED)
  }

  /** Begins the next epoch. Leaving the loop early ends the source too. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Batch> {
    return arrays(this.#open())
  }

  #open(): BatchStream {
    const epoch = this.#epoch++
    const source = this.#source
    if (isDataset(source)) {
      const { length } = source
      const order = this.#shuffle ? permutation(length, this.#seed, epoch) : sequence(length)
      const batches = this.#bucket > 0 ? this.#buckets(source, order, epoch) : this.#cut(order)
      return new Prefetcher((isClosed) => this.#byIndex(source, { batches, epoch }, isClosed), this.#prefetch)
    }
    return new Prefetcher((isClosed) => this.#inTurn(source, epoch, isClosed), this.#prefetch)
  }

  #augmented(batch: LoadedBatch, epoch: number, indices: Uint32Array): LoadedBatch {
    const config = this.#augment
    return config === undefined ? batch : augmented(batch, { config, seed: this.#seed, epoch, indices })
  }

  async *#byIndex(
    dataset: Dataset,
    { batches, epoch }: { readonly batches: Iterable<Uint32Array>; readonly epoch: number },
    isClosed: IsClosed,
  ): AsyncGenerator<LoadedBatch, void> {
    for (const indices of batches) {
      if (isClosed()) return
      const batch = gathered(dataset, indices) ?? (await collated(dataset, indices))
      yield this.#augmented(batch, epoch, indices)
    }
  }

  *#cut(order: Uint32Array): Generator<Uint32Array, void> {
    for (let start = 0; start < order.length; start += this.#batchSize) {
      const indices = order.subarray(start, start + this.#batchSize)
      if (indices.length === this.#batchSize || !this.#dropLast) yield indices
    }
  }

  #buckets(dataset: Dataset, order: Uint32Array, epoch: number): Uint32Array[] {
    return bucketByLength(order, (index) => checkInteger(lengthAt(dataset, index), `lengthOf(${index})`, 1), {
      batchSize: this.#batchSize,
      size: this.#bucket,
      dropLast: this.#dropLast,
      shuffle: this.#shuffle,
      seed: this.#seed,
      epoch,
    })
  }

  async *#inTurn(
    source: AsyncIterable<Sample> | Iterable<Sample>,
    epoch: number,
    isClosed: IsClosed,
  ): AsyncGenerator<LoadedBatch, void> {
    const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    let hasEnded = false
    try {
      for (let index = 0; !hasEnded && !isClosed();) {
        const batch = new Collator(this.#batchSize)
        let count = 0
        for (; count < this.#batchSize && !isClosed(); count++, index++) {
          hasEnded = true //                          an iterator that throws has ended as well
          const result = await pull(iterator, index)
          if (result.done === true) break
          hasEnded = false
          batch.set(count, index, result.value)
        }
        if (isClosed() || count === 0 || (this.#dropLast && count < this.#batchSize)) return
        const indices = Uint32Array.from({ length: count }, (_, position) => index - count + position)
        yield this.#augmented(loaded(batch.finish(count)), epoch, indices)
      }
    } finally {
      if (!hasEnded) await iterator.return?.()
    }
  }
}

/** Begins the next epoch of a loader that was passed as the argument `name`. */
export function openBatches(loader: DataLoader): BatchStream {
  const stream = openStream(loader)
  if (stream === undefined) throw typeError('a DataLoader', 'loader', loader)
  return stream
}

/** What a loader is made of. */
export function loaderParts(loader: DataLoader): LoaderParts {
  return readParts(loader)
}

/** Checks that an argument is a loader, without beginning an epoch. */
export function checkLoader(value: unknown, name: string): DataLoader {
  if (value instanceof DataLoader) return value
  throw typeError('a DataLoader', name, value)
}

/** Batches in a bucket, 0 for none. */
function checkBucket(value: DataLoaderOptions['bucketByLength'] = false): number {
  if (typeof value === 'boolean') return value ? DEFAULT_BUCKET : 0
  if (typeof value !== 'object' || value === null) throw typeError('a boolean or { size }', 'bucketByLength', value)
  checkOptions(value, 'bucketByLength', ['size'])
  return checkInteger(value.size ?? DEFAULT_BUCKET, 'bucketByLength.size', 1)
}

function knowsLengths(source: DataSource): boolean {
  return isDataset(source) && (source.length === 0 || origin(source, 0).dataset.lengthOf !== undefined)
}

/** A subset is looked through. */
function lengthAt(source: Dataset, at: number): number | undefined {
  const { dataset, index } = origin(source, at)
  return dataset.lengthOf?.(index)
}

async function* arrays(stream: BatchStream): AsyncGenerator<Batch, void> {
  try {
    for (;;) {
      const result = await stream.next()
      if (result.done === true) return
      yield await result.value.toArrays()
    }
  } finally {
    await stream.close()
  }
}

/** Asks for all samples of a batch at once and copies each as it comes. The first failure ends the batch. */
async function collated(dataset: Dataset, indices: Uint32Array): Promise<LoadedBatch> {
  const batch = new Collator(indices.length)
  let hasFailed = false
  const set = async (position: number, index: number): Promise<void> => {
    let sample: Sample
    try {
      const asked = dataset.get(index)
      sample = isPromise(asked) ? await asked : asked //  a sample that is there is copied before the next is asked for
    } catch (cause) {
      hasFailed = true
      throw dataError(index, cause)
    }
    batch.set(position, index, sample)
  }
  const samples: Promise<void>[] = []
  for (const [position, index] of indices.entries()) {
    samples.push(set(position, index))
    if (hasFailed) break
  }
  await Promise.all(samples)
  return loaded(batch.finish(indices.length))
}

async function pull(
  iterator: AsyncIterator<Sample> | Iterator<Sample>,
  index: number,
): Promise<IteratorResult<Sample>> {
  try {
    return await iterator.next()
  } catch (cause) {
    throw dataError(index, cause)
  }
}

function loaded(batch: Batch): LoadedBatch {
  const { inputs, lengths = null, targets, targetShape } = batch
  return {
    samples: inputs.shape[0] ?? 0,
    toNative: () => {
      const crossing = { data: targets, shape: [...targetShape] }
      return unwrap(native().NativeBatch.fromArrays(inputs.data, [...inputs.shape], lengths, crossing))
    },
    toArrays: () => batch,
  }
}

/** A batch whose clips are changed by a native thread as soon as it is made native. */
function augmented(batch: LoadedBatch, { config, seed, epoch, indices }: Augmentation): LoadedBatch {
  const toNative = (): NativeBatch => {
    const made = batch.toNative()
    unwrap(made.augment(config, seed, epoch, indices))
    return made
  }
  return {
    samples: batch.samples,
    toNative,
    toArrays: async () => {
      const { data, shape, lengths } = unwrap(await toNative().readInputs())
      const { targets, targetShape } = await batch.toArrays()
      return { inputs: { data, shape }, ...(lengths && { lengths }), targets, targetShape }
    },
  }
}

/** A batch whose indices alone cross, where a `TensorDataset` lies at the bottom of the dataset. */
function gathered(source: Dataset, chosen: Uint32Array): LoadedBatch | undefined {
  const { dataset } = origin(source, 0)
  if (!(dataset instanceof TensorDataset)) return undefined
  const indices = chosen.map((index) => origin(source, index).index)
  return {
    samples: indices.length,
    toNative: () => gather(dataset, indices),
    toArrays: () => {
      const batch = new Collator(indices.length)
      for (const [position, index] of indices.entries()) batch.set(position, index, dataset.get(index))
      return batch.finish(indices.length)
    },
  }
}
