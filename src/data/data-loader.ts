import { ArrayCache } from './array-cache'
import { checkAugment } from './augment'
import { bucketByLength, checkBucket, knowsLengths, lengthAt, measureLengths } from './bucket'
import { checkBoolean, checkInteger, checkOptions, typeError } from '../common/checks'
import { Collator } from './collate'
import { checkLength, checkSource, isDataset } from './data-source'
import { begin, end, pull } from './iterate'
import { checkListed } from './limits'
import { augmented, collated, collatedInPart, gathered, keeping, loaded } from './loaded-batch'
import { drawn, inOrder, shuffled } from './order'
import { sequence } from '../common/permutation'
import { Prefetcher } from './prefetcher'
import { checkWeights, sumsOf } from './sampling'
import type { AugmentConfig, AugmentOptions } from './augment'
import type { Batch } from './collate'
import type { DataSource } from './data-source'
import type { Dataset, Sample } from './dataset'
import type { KeptFeatures } from './kept-features'
import type { LoadedBatch } from './loaded-batch'
import type { Order } from './order'
import type { IsClosed } from './prefetcher'
import type { Subset } from './subset'

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
   * A weight for each sample. An epoch draws as many samples as there are, by weight and with replacement, as
   * `torch.utils.data.WeightedRandomSampler(weights, len(weights))` does. `shuffle` then has no effect. {@link
   * balancedWeights} makes weights for equally frequent classes. A sample that is drawn again is augmented again.
   * Default none.
   */
  readonly sampleWeights?: ArrayLike<number> | undefined
  /**
   * Whether each batch has clips of similar length, so that little padding is computed. The clips of every `size`
   * batches (default 100) are sorted by length. With `shuffle` the resulting batches are shuffled. The order depends
   * only on the seed and the epoch. Needs a dataset with `lengthOf`. Default false.
   */
  readonly bucketByLength?: boolean | { readonly size?: number | undefined } | undefined
  /** How many batches are put together ahead of the one that is taken. Default 2. */
  readonly prefetch?: number | undefined
  /** Random changes of the clips, different in each epoch. For training data only. Default none. */
  readonly augment?: AugmentOptions | undefined
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

/** What an epoch is to be. */
interface EpochPlan {
  readonly epoch: number
  /** Batches that are put together ahead. Default the loader's own number. */
  readonly prefetch?: number
  /** Where features of its samples are kept. */
  readonly features?: KeptFeatures | undefined
}

const KEYS = ['batchSize', 'shuffle', 'seed', 'dropLast', 'sampleWeights', 'bucketByLength', 'prefetch', 'augment']
/** Samples for which an iterable's first batch has room from the beginning. */
const FIRST_PLACES = 64
const LARGEST_SEED = Number.MAX_SAFE_INTEGER

let hasSource: (value: object) => value is DataLoader
let openStream: (loader: DataLoader, features?: KeptFeatures) => BatchStream | undefined
let readParts: (loader: DataLoader) => LoaderParts
let peekStream: (loader: DataLoader) => BatchStream | undefined

/**
 * Cuts a dataset into batches, epoch by epoch.
 *
 * `train`, `test` and `fit` take it; iterating it by hand yields a {@link Batch}. Each iteration is the next
 * epoch, with an order of its own when `shuffle` is on, and independent of other iterations under way.
 *
 * @example
 * ```ts
 * import { DataLoader } from 'zoetrope'
 *
 * // A dataset has a length and gives any sample. Here each sample is computed; it could as well be read from a file.
 * const dataset = {
 *   length: 100,
 *   get: async (index: number) => ({
 *     input: { data: new Float32Array(20 * 3).fill(index), shape: [20, 3] },
 *     target: index % 2,
 *   }),
 * }
 * const loader = new DataLoader(dataset, { batchSize: 16, shuffle: true, seed: 7 })
 * for await (const { inputs, targets } of loader) console.log(inputs.shape, targets)
 * ```
 */
export class DataLoader implements AsyncIterable<Batch> {
  #options: DataLoaderOptions
  readonly #source: DataSource
  readonly #batchSize: number
  readonly #shuffle: boolean
  readonly #seed: number
  readonly #dropLast: boolean
  readonly #prefetch: number
  readonly #augment: AugmentConfig | undefined
  /** Batches in a bucket, 0 for none. */
  readonly #bucket: number
  /** Sums of the weights by which samples are drawn. */
  readonly #weightSums: Float64Array | undefined
  readonly #arrays = new ArrayCache()
  #epoch = 0

  static {
    hasSource = (value): value is DataLoader => #source in value
    readParts = (loader) => ({
      source: loader.#source,
      options: loader.#options,
      epoch: loader.#epoch,
      part: (subset) => loader.#part(subset),
    })
    openStream = (loader, features) =>
      #source in loader ? loader.#open({ epoch: loader.#epoch++, features }) : undefined
    peekStream = (loader) =>
      isDataset(loader.#source) ? loader.#open({ epoch: loader.#epoch, prefetch: 0 }) : undefined
  }

  /**
   * @param source - A {@link TensorDataset}, any {@link Dataset}, an array of samples, or an iterable of samples, sync
   * or async. An iterable is begun anew by every epoch: a generator object can be used for one epoch only.
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range.
   */
  constructor(source: DataSource, options: DataLoaderOptions = {}) {
    this.#options = checkOptions(options, 'options', KEYS)
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false, prefetch = 2 } = this.#options
    const { augment, sampleWeights, bucketByLength: bucket } = this.#options
    this.#source = checkSource(source)
    this.#batchSize = checkInteger(batchSize, 'batchSize', 1)
    this.#shuffle = checkBoolean(shuffle, 'shuffle')
    this.#seed = checkInteger(seed, 'seed', 0, LARGEST_SEED)
    this.#dropLast = checkBoolean(dropLast, 'dropLast')
    this.#prefetch = checkInteger(prefetch, 'prefetch', 0, 1024)
    this.#augment = checkAugment(augment)
    this.#bucket = checkBucket(bucket)
    const dataset = isDataset(this.#source) ? this.#source : undefined
    if (this.#shuffle && dataset === undefined) {
      throw typeError('a dataset with `length` and `get` to shuffle', 'source', source)
    }
    if (sampleWeights !== undefined) {
      if (dataset === undefined) throw typeError('a dataset with `length` and `get` to draw from', 'source', source)
      const weights = checkWeights(sampleWeights, 'sampleWeights', checkLength(dataset))
      this.#options = { ...this.#options, sampleWeights: weights }
      this.#weightSums = sumsOf(weights)
    }
    if (this.#bucket > 0 && (dataset === undefined || !knowsLengths(dataset))) {
      throw typeError('a dataset with `lengthOf` to bucket by length', 'source', source)
    }
    if (dataset !== undefined) this.#checkListed(checkLength(dataset))
  }

  /** The number of batches in an epoch; `undefined` for an iterable, which does not tell. */
  get length(): number | undefined {
    if (!isDataset(this.#source)) return undefined
    const batches = checkLength(this.#source) / this.#batchSize
    return this.#dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** Says which epoch comes next, from 0: a run that is taken up again then sees the orders that it would have seen. */
  setEpoch(epoch: number): void {
    this.#epoch = checkInteger(epoch, 'epoch', 0, LARGEST_SEED)
  }

  /** Begins the next epoch. Leaving the loop early ends the source too. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Batch> {
    return arrays(this.#open({ epoch: this.#epoch++ }))
  }

  #open({ epoch, prefetch = this.#prefetch, features }: EpochPlan): BatchStream {
    const source = this.#source
    if (isDataset(source)) {
      const order = this.#order(this.#checkListed(checkLength(source)), epoch)
      const batches = this.#bucket > 0 ? this.#buckets(source, order, epoch) : this.#cut(order)
      return new Prefetcher((isClosed) => this.#byIndex(source, { batches, epoch, features }, isClosed), prefetch)
    }
    return new Prefetcher((isClosed) => this.#inTurn(source, epoch, isClosed), prefetch)
  }

  /** Checks that what an epoch lists of so many samples fits into memory. */
  #checkListed(length: number): number {
    checkListed(Math.min(this.#batchSize, length), 'batchSize', 'smaller batches are enough')
    if (this.#bucket > 0 && this.#isMixed)
      checkListed(length, 'source.length', 'leave `bucketByLength` or `shuffle` out')
    return length
  }

  /** Whether batches come in another order than the dataset's. */
  get #isMixed(): boolean {
    return this.#shuffle || this.#weightSums !== undefined
  }

  #order(length: number, epoch: number): Order {
    if (this.#weightSums !== undefined) return drawn(this.#weightSums, this.#seed, epoch)
    return this.#shuffle ? shuffled(length, this.#seed, epoch) : inOrder(length)
  }

  #part(subset: Subset): DataLoader {
    const { sampleWeights } = this.#options
    const ofPart = sampleWeights && Float64Array.from(subset.indices, (index) => sampleWeights[index] ?? 0)
    return new DataLoader(subset, { ...this.#options, sampleWeights: ofPart })
  }

  #augmented(batch: LoadedBatch, epoch: number, indices: Uint32Array): LoadedBatch {
    const config = this.#augment
    return config === undefined ? batch : augmented(batch, { config, seed: this.#seed, epoch, indices })
  }

  async *#byIndex(
    dataset: Dataset,
    { batches, epoch, features }: EpochPlan & { readonly batches: Iterable<Uint32Array> },
    isClosed: IsClosed,
  ): AsyncGenerator<LoadedBatch, void> {
    let count = 0
    if (this.#bucket > 0) await measureLengths(dataset)
    for (const indices of batches) {
      if (isClosed()) return
      const batch = await this.#load(dataset, indices, features)
      // A sample that is drawn again is another one to augmentation: its place in the epoch counts, not its index.
      const keys = this.#weightSums === undefined ? indices : sequence(indices.length).map((at) => count + at)
      yield this.#augmented(batch, epoch, keys)
      count += indices.length
    }
  }

  async #load(dataset: Dataset, indices: Uint32Array, features: KeptFeatures | undefined): Promise<LoadedBatch> {
    const inMemory = gathered(dataset, indices)
    if (features === undefined) return inMemory ?? collated(dataset, indices, this.#arrays)
    return inMemory === undefined
      ? collatedInPart(dataset, indices, this.#arrays, features)
      : keeping(inMemory, indices, features)
  }

  *#cut(order: Order): Generator<Uint32Array, void> {
    for (let left = order.length; left > 0;) {
      const count = Math.min(left, this.#batchSize)
      left -= count
      if (count === this.#batchSize || !this.#dropLast) yield order.take(count)
    }
  }

  #buckets(dataset: Dataset, order: Order, epoch: number): Iterable<Uint32Array> {
    return bucketByLength(order, (index) => lengthAt(dataset, index), {
      batchSize: this.#batchSize,
      size: this.#bucket,
      dropLast: this.#dropLast,
      shuffle: this.#isMixed,
      seed: this.#seed,
      epoch,
    })
  }

  async *#inTurn(
    source: AsyncIterable<Sample> | Iterable<Sample>,
    epoch: number,
    isClosed: IsClosed,
  ): AsyncGenerator<LoadedBatch, void> {
    const iterator = begin(source)
    let hasEnded = false
    try {
      for (let index = 0; !hasEnded && !isClosed();) {
        // What an iterable has is not known: room for a large batch is made as its samples come.
        const capacity = Math.min(this.#batchSize, Math.max(FIRST_PLACES, this.#arrays.largest))
        const batch = new Collator(capacity, this.#arrays)
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
        yield this.#augmented(loaded(batch, indices), epoch, indices)
      }
    } finally {
      if (!hasEnded) await end(iterator)
    }
  }
}

/** Begins the next epoch of a loader. Samples whose features are kept are not read. */
export function openBatches(loader: DataLoader, features?: KeptFeatures): BatchStream {
  const stream = openStream(loader, features)
  if (stream === undefined) throw typeError('a DataLoader', 'loader', loader)
  return stream
}

/** What a loader is made of. */
export function loaderParts(loader: DataLoader): LoaderParts {
  return readParts(loader)
}

/** The batches of the epoch that comes next, which stays the next; `undefined` for an iterable, which would be used up. */
export function peekBatches(loader: DataLoader): BatchStream | undefined {
  return peekStream(loader)
}

/** Whether a value is a loader itself, and not a proxy or an object that only inherits from one. */
export function isLoader(value: unknown): value is DataLoader {
  return typeof value === 'object' && value !== null && hasSource(value)
}

/** Checks that an argument is a loader, without beginning an epoch. */
export function checkLoader(value: unknown, name: string): DataLoader {
  if (isLoader(value)) return value
  throw typeError('a DataLoader', name, value)
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
