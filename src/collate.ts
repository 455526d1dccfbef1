import { describe } from './checks'
import { checkNdArray, formatShape } from './nd-array'
import { checkTarget } from './dataset'
import { ZoetropeError } from './errors'
import type { Sample } from './dataset'
import type { NdArray } from './nd-array'

/** What iterating a `DataLoader` yields. */
export interface Batch {
  /** `[batch, channels, height, width]` or `[batch, time, channels, height, width]`. */
  readonly inputs: NdArray
  /** Index of each sample's class, `[batch]`. */
  readonly targets: Int32Array
}

interface FirstSample {
  readonly index: number
  readonly shape: readonly number[]
  readonly data: Float32Array | Uint8Array
}

/**
 * Puts samples side by side in one array. Each is copied as it comes, so that a dataset may use one buffer for all;
 * the first to come sets shape and type.
 */
export class Collator {
  readonly #targets: Int32Array
  #data: Float32Array | Uint8Array | undefined
  #first: FirstSample | undefined

  /** @param capacity - How many samples the batch has at most. */
  constructor(capacity: number) {
    this.#targets = new Int32Array(capacity)
  }

  /** Copies a sample to its place in the batch. `index` is its place in the dataset, for messages. */
  set(position: number, index: number, sample: Sample): void {
    const { input, target } = checkSample(sample, index)
    const { data, shape } = input
    this.#first ??= { index, shape: [...shape], data }
    this.#data ??= allocate(data, data.length * this.#targets.length)
    checkAgrees(this.#first, index, input)
    this.#data.set(data, position * data.length)
    this.#targets[position] = target
  }

  /** The first `count` samples as one batch. */
  finish(count: number): Batch {
    const [data, first] = [this.#data, this.#first]
    if (data === undefined || first === undefined) throw new RangeError('Expected at least one sample')
    const size = data.length / this.#targets.length
    return {
      inputs: { data: data.subarray(0, count * size), shape: [count, ...first.shape] },
      targets: this.#targets.subarray(0, count),
    }
  }
}

/** The failure of a dataset, which keeps the dataset's own error as `cause`. */
export function dataError(index: number, cause: unknown): ZoetropeError {
  const reason = cause instanceof Error ? cause.message : describe(cause)
  return new ZoetropeError('ERR_DATA', `The dataset failed at index ${index}: ${reason}`, { index }, { cause })
}

function checkSample(sample: Sample | undefined, index: number): Sample {
  const { input, target } = sample ?? {}
  if (input === undefined) {
    const message = `Expected { input, target } from the dataset at index ${index}, received ${describe(sample)}`
    throw new ZoetropeError('ERR_DATA', message, { index })
  }
  try {
    return {
      input: checkNdArray(input, 'input'),
      target: checkTarget(target, `\`target\` of the sample at index ${index}`),
    }
  } catch (error) {
    if (!(error instanceof ZoetropeError)) throw dataError(index, error)
    throw new ZoetropeError(error.code, `${error.message} (sample at index ${index})`, { ...error.details, index })
  }
}

function checkAgrees(first: FirstSample, index: number, { data, shape }: NdArray): void {
  const sameShape = shape.length === first.shape.length && shape.every((size, axis) => size === first.shape[axis])
  if (sameShape && isPixels(data) === isPixels(first.data)) return
  const show = (array: NdArray): string => `${isPixels(array.data) ? 'uint8' : 'float32'} ${formatShape(array.shape)}`
  throw new ZoetropeError(
    'ERR_SHAPE_MISMATCH',
    `Expected samples of one shape and type in a batch, received ${show(first)} at index ${first.index} ` +
      `and ${show({ data, shape })} at index ${index}`,
    { expected: first.shape, actual: shape, indices: [first.index, index] },
  )
}

function allocate(like: Float32Array | Uint8Array, length: number): Float32Array | Uint8Array {
  return isPixels(like) ? new Uint8Array(length) : new Float32Array(length)
}

function isPixels(data: Float32Array | Uint8Array): boolean {
  return data.BYTES_PER_ELEMENT === 1
}
