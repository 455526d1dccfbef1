import { ArrayCache } from './array-cache'
import { checkAugment } from './augment'
import { DEFAULT_BUCKET, bucketByLength } from './bucket'
import { checkBoolean, checkInteger, checkOptions, typeError } from '../common/checks'
import { Collator, dataError } from './collate'
import { checkSource, isDataset } from './data-source'
import { augmented, collated, gathered, loaded } from './loaded-batch'
import { permutation, sequence } from '../common/permutation'
import { Prefetcher } from './prefetcher'
import { checkWeights, drawn } from './sampling'
import { origin } from './subset'
import type { AugmentConfig, AugmentOptions } from './augment'
import type { Batch } from './collate'
import type { DataSource } from './data-source'
import type { Dataset, Sample } from './dataset'
import type { LoadedBatch } from './loaded-batch'
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
   * A weight for each sample, by which an epoch draws as many samples as there are, with replacement, whatever `shuffle`
   * says: `torch.utils.data.WeightedRandomSampler(weights, len(weights))`. {@link balancedWeights} makes some. A sample
   * that is drawn again is augmented anew. Default none.
   */
  readonly sampleWeights?: ArrayLike<number> | undefined
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

const KEYS = ['batchSize', 'shuffle', 'seed', 'dropLast', 'sampleWeights', 'bucketByLength', 'prefetch', 'augment']
const LARGEST_SEED = Number.MAX_SAFE_INTEGER

let hasSource: (value: object) => value is DataLoader
let openStream: (loader: DataLoader) => BatchStream | undefined
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
    openStream = (loader) => (#source in loader ? loader.#open(loader.#epoch++) : undefined)
    peekStream = (loader) => (isDataset(loader.#source) ? loader.#open(loader.#epoch, 0) : undefined)
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
    const { sampleWeights } = options
    if (sampleWeights !== undefined) {
      if (!isDataset(this.#source)) throw typeError('a dataset with `length` and `get` to draw from', 'source', source)
      this.#weightSums = checkWeights(sampleWeights, 'sampleWeights', this.#source.length)
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
    return arrays(this.#open(this.#epoch++))
  }

  #open(epoch: number, prefetch = this.#prefetch): BatchStream {
    const source = this.#source
    if (isDataset(source)) {
      const { length } = source
      const order = this.#order(length, epoch)
      const batches = this.#bucket > 0 ? this.#buckets(source, order, epoch) : this.#cut(order)
      return new Prefetcher((isClosed) => this.#byIndex(source, { batches, epoch }, isClosed), prefetch)
    }
    return new Prefetcher((isClosed) => this.#inTurn(source, epoch, isClosed), prefetch)
  }

  #order(length: number, epoch: number): Uint32Array {
    if (this.#weightSums !== undefined) return drawn(this.#weightSums, this.#seed, epoch)
    return this.#shuffle ? permutation(length, this.#seed, epoch) : sequence(length)
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
    { batches, epoch }: { readonly batches: Iterable<Uint32Array>; readonly epoch: number },
    isClosed: IsClosed,
  ): AsyncGenerator<LoadedBatch, void> {
    let count = 0
    for (const indices of batches) {
      if (isClosed()) return
      const batch = gathered(dataset, indices) ?? (await collated(dataset, indices, this.#arrays))
      // A sample that is drawn again is another one to augmentation: its place in the epoch counts, not its index.
      const keys = this.#weightSums === undefined ? indices : sequence(indices.length).map((at) => count + at)
      yield this.#augmented(batch, epoch, keys)
      count += indices.length
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
      shuffle: this.#shuffle || this.#weightSums !== undefined,
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
        const batch = new Collator(this.#batchSize, this.#arrays)
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
        yield this.#augmented(loaded(batch, count), epoch, indices)
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
