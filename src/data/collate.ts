import { ArrayCache, isPixels } from './array-cache'
import { describe } from '../common/checks'
import { allocated } from '../common/list'
import { checkNdArray, formatShape } from '../common/nd-array'
import { framesOf, sampleHasTime } from './shapes'
import { dataError } from './data-error'
import { TargetCollator } from './targets'
import { ZoetropeError } from '../errors'
import type { Sample } from './dataset'
import type { NdArray } from '../common/nd-array'
import type { TargetArray } from './targets'

/** A batch as arrays: a loop over a `DataLoader` gets these. */
export interface Batch {
  /**
   * `[batch, channels, height, width]` or `[batch, features]`, or the same with the time after the batch. Clips that are
   * shorter than the longest one are padded with zeros.
   */
  readonly inputs: NdArray
  /** Frames of each clip, `[batch]`; missing where all clips are equally long. */
  readonly lengths?: Int32Array
  /**
   * The samples' targets, such as the index of each one's class: `Int32Array` where all are whole numbers. Empty where
   * samples have none.
   */
  readonly targets: Int32Array | Float32Array
  /**
   * The shape of `targets`: `[batch]` for one number a sample. Targets of different lengths are padded with zeros to the
   * longest. `[0]` where samples have no targets.
   */
  readonly targetShape: readonly number[]
  /** How long each sample's target is, `[batch]`; missing where all are equally long. */
  readonly targetLengths?: Int32Array
  /** The names that `targets` are indices of, where targets were given as names of classes. */
  readonly targetNames?: readonly string[]
}

/** The targets of samples that have none. */
const NONE: TargetArray = { data: new Int32Array(0), shape: [0] }

interface FirstSample {
  readonly index: number
  readonly shape: readonly number[]
  readonly data: Float32Array | Uint8Array
}

/**
 * Puts samples side by side in one array. Each sample is copied as soon as it comes, so a dataset may use one buffer
 * for all samples. The first sample sets type and shape. Later samples may have another number of frames only.
 */
export class Collator {
  readonly #arrays: ArrayCache
  readonly #targets = new TargetCollator()
  /** Frames of each clip; as many places as there is room for. */
  #lengths: Int32Array
  #data: Float32Array | Uint8Array = new Float32Array(0)
  #first: FirstSample | undefined
  /** Values of one frame, and frames for which there is room in each place. */
  #frame = 0
  #time = 0

  /**
   * @param capacity - How many samples there is room for at first; more make room for themselves.
   * @param arrays - Where the batch's array comes from.
   */
  constructor(capacity: number, arrays = new ArrayCache()) {
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
    if (time > this.#time || position >= this.#lengths.length) this.#grow(position + 1, time)
    this.#lengths[position] = time
    this.#data.set(data, position * this.#time * this.#frame)
    at(index, () => this.#targets.set(position, index, sample.target))
  }

  /** The first `count` samples as one batch. */
  finish(count: number): Batch {
    const { shape } = this.#first ?? {}
    if (shape === undefined) throw new RangeError('Expected at least one sample')
    const { data: targets, shape: targetShape, lengths: targetLengths, names } = this.#targets.finish(count) ?? NONE
    const lengths = this.#lengths.subarray(0, count)
    const longest = lengths.reduce((most, length) => Math.max(most, length), 1)
    this.#arrays.longest = Math.max(this.#arrays.longest, longest)
    this.#arrays.largest = Math.max(this.#arrays.largest, count)
    const data = this.#compacted(count, longest)
    const inputs = { data, shape: [count, ...(sampleHasTime(shape) ? [longest, ...shape.slice(1)] : shape)] }
    const isRagged = lengths.some((length) => length < longest)
    return {
      inputs,
      ...(isRagged && { lengths }),
      targets,
      targetShape,
      ...(targetLengths && { targetLengths }),
      ...(names && { targetNames: names }),
    }
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
    this.#data = this.#arrays.take(data, this.#lengths.length * this.#time * this.#frame)
  }

  /** Makes room for longer clips, or for more, and some besides: the next may be longer still. */
  #grow(places: number, time: number): void {
    const before = this.#data
    const [count, lengths] = [this.#lengths.length, this.#lengths]
    if (places > count) {
      this.#lengths = allocated(Int32Array, Math.max(places, 2 * count))
      this.#lengths.set(lengths)
    }
    const room = time > this.#time ? Math.max(time, Math.ceil(this.#time * 1.25)) : this.#time
    const [from, to] = [this.#time * this.#frame, room * this.#frame]
    this.#data = this.#arrays.take(before, this.#lengths.length * to)
    for (const [clip, length] of lengths.entries()) {
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
