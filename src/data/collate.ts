import { ArrayCache, isPixels } from './array-cache'
import { describe } from '../common/checks'
import { checkNdArray, formatShape } from '../common/nd-array'
import { framesOf, sampleHasTime } from './shapes'
import { TargetCollator } from './targets'
import { ZoetropeError } from '../errors'
import type { Sample } from './dataset'
import type { NdArray } from '../common/nd-array'

/** What iterating a `DataLoader` yields. */
export interface Batch {
  /**
   * `[batch, channels, height, width]` or `[batch, features]`, or the same with the time after the batch. Clips that are
   * shorter than the longest one are padded with zeros.
   */
  readonly inputs: NdArray
  /** Frames of each clip, `[batch]`; missing where all clips are equally long. */
  readonly lengths?: Int32Array
  /** The samples' targets, such as the index of each one's class: `Int32Array` where all are whole numbers. */
  readonly targets: Int32Array | Float32Array
  /** The shape of `targets`: `[batch]` for one number a sample. Targets of each frame are padded as the clips are. */
  readonly targetShape: readonly number[]
}

interface FirstSample {
  readonly index: number
  readonly shape: readonly number[]
  readonly data: Float32Array | Uint8Array
}

/**
 * Puts samples side by side in one array. Each is copied as it comes, so that a dataset may use one buffer for all;
 * the first to come sets type and shape, of which a clip's number of frames may differ.
 */
export class Collator {
  readonly #capacity: number
  readonly #arrays: ArrayCache
  readonly #targets = new TargetCollator()
  readonly #lengths: Int32Array
  #data: Float32Array | Uint8Array = new Float32Array(0)
  #first: FirstSample | undefined
  /** Values of one frame, and frames for which there is room in each place. */
  #frame = 0
  #time = 0

  /**
   * @param capacity - How many samples the batch has at most.
   * @param arrays - Where the batch's array comes from.
   */
  constructor(capacity: number, arrays = new ArrayCache()) {
    this.#capacity = capacity
    this.#arrays = arrays
    this.#lengths = new Int32Array(capacity)
  }

  /** Copies a sample to its place in the batch. `index` is its place in the dataset, for messages. */
  set(position: number, index: number, sample: Sample): void {
    const input = checkInput(sample, index)
    const { data, shape } = input
    if (this.#first === undefined) this.#begin({ index, shape: [...shape], data })
    else checkAgrees(this.#first, index, input)
    const time = framesOf(shape)
    if (time > this.#time) this.#grow(time)
    this.#lengths[position] = time
    this.#data.set(data, position * this.#time * this.#frame)
    at(index, () => this.#targets.set(position, index, sample.target, time))
  }

  /** The first `count` samples as one batch. */
  finish(count: number): Batch {
    const { shape } = this.#first ?? {}
    if (shape === undefined) throw new RangeError('Expected at least one sample')
    const { data: targets, shape: targetShape } = this.#targets.finish(count)
    const lengths = this.#lengths.subarray(0, count)
    const longest = lengths.reduce((most, length) => Math.max(most, length), 1)
    this.#arrays.longest = Math.max(this.#arrays.longest, longest)
    const data = this.#compacted(count, longest)
    const inputs = { data, shape: [count, ...(sampleHasTime(shape) ? [longest, ...shape.slice(1)] : shape)] }
    const isRagged = lengths.some((length) => length < longest)
    return { inputs, ...(isRagged && { lengths }), targets, targetShape }
  }

  /** Gives the array of the finished batch to the next: nobody may look at it any more. */
  recycle(): void {
    this.#arrays.give(this.#data)
  }

  #begin(first: FirstSample): void {
    const { data, shape } = first
    this.#first = first
    this.#frame = data.length / framesOf(shape)
    this.#time = sampleHasTime(shape) ? Math.max(framesOf(shape), this.#arrays.longest) : 1
    this.#data = this.#arrays.take(data, this.#capacity * this.#time * this.#frame)
  }

  /** Makes room for longer clips, and some more: the next may be longer still. */
  #grow(time: number): void {
    const before = this.#data
    const room = Math.max(time, Math.ceil(this.#time * 1.25))
    const [from, to] = [this.#time * this.#frame, room * this.#frame]
    this.#data = this.#arrays.take(before, this.#capacity * to)
    for (const [clip, length] of this.#lengths.entries()) {
      this.#data.set(before.subarray(clip * from, clip * from + length * this.#frame), clip * to)
    }
    this.#time = room
    this.#arrays.give(before)
  }

  /** The clips side by side in places of `time` frames, which is enough for each; zeros behind those that are shorter. */
  #compacted(count: number, time: number): Float32Array | Uint8Array {
    const [from, to] = [this.#time * this.#frame, time * this.#frame]
    for (let clip = 0; clip < count; clip++) {
      const length = (this.#lengths[clip] ?? 0) * this.#frame
      if (from !== to) this.#data.copyWithin(clip * to, clip * from, clip * from + length)
      this.#data.fill(0, clip * to + length, (clip + 1) * to)
    }
    return this.#data.subarray(0, count * to)
  }
}

/** The failure of a dataset, which keeps the dataset's own error as `cause`. */
export function dataError(index: number, cause: unknown): ZoetropeError {
  const reason = cause instanceof Error ? cause.message : describe(cause)
  return new ZoetropeError('ERR_DATA', `The dataset failed at index ${index}: ${reason}`, { index }, { cause })
}

function checkInput(sample: Sample | undefined, index: number): NdArray {
  const { input } = sample ?? {}
  if (input === undefined) {
    const message = `Expected { input, target } from the dataset at index ${index}, received ${describe(sample)}`
    throw new ZoetropeError('ERR_DATA', message, { index })
  }
  return at(index, () => checkNdArray(input, 'input'))
}

/** Runs a check, whose error then says at which index the sample is. */
function at<T>(index: number, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof ZoetropeError)) throw dataError(index, error)
    throw new ZoetropeError(error.code, `${error.message} (sample at index ${index})`, { ...error.details, index })
  }
}

function checkAgrees(first: FirstSample, index: number, { data, shape }: NdArray): void {
  const frame = sampleHasTime(shape) ? shape.slice(1) : shape
  const expected = sampleHasTime(first.shape) ? first.shape.slice(1) : first.shape
  const isSameShape = shape.length === first.shape.length && frame.every((size, axis) => size === expected[axis])
  if (isSameShape && isPixels(data) === isPixels(first.data)) return
  const show = (array: NdArray): string => `${isPixels(array.data) ? 'uint8' : 'float32'} ${formatShape(array.shape)}`
  throw new ZoetropeError(
    'ERR_SHAPE_MISMATCH',
    `Expected samples of one shape${sampleHasTime(first.shape) ? ' (but for the time)' : ''} and type in a batch, ` +
      `received ${show(first)} at index ${first.index} and ${show({ data, shape })} at index ${index}`,
    { expected: first.shape, actual: shape, indices: [first.index, index] },
  )
}
