import { describe } from '../../common/checks'
import { checkTarget } from '../dataset'
import { decodeValues } from './dtype'
import { fileError } from './file-error'
import { floatsInPieces, floatsOf, isText, modelDataOf, targetsOf } from './model-data'
import { toRowMajor } from './row-major'
import type { NdArray } from '../../common/nd-array'
import type { ByteSource } from './bytes'
import type { DtypeName, NpyData } from './dtype'
import type { Place } from './file-error'
import type { NpyHeader } from './npy-header'

/**
 * Arrays of so many values become float32 while they are read, piece by piece. Shorter ones do when it is asked for,
 * which takes no time, and so do longer ones, because their memory might be needed for something else.
 */
const CONVERTED_WHEN_READ = { from: 2 ** 20, to: 2 ** 28 }

/** An array as NumPy wrote it. */
export class NpyArray {
  /** NumPy's name of the type in the file. */
  readonly dtype: DtypeName
  /** The size of each axis, slowest first; none for a single value. */
  readonly shape: readonly number[]
  /** The values, the last axis contiguous: bool as 0 and 1, float16 as float32, text as strings. */
  readonly data: NpyData
  readonly #place: Place

  readonly #floats: Float32Array | undefined

  /** @internal */
  constructor(values: NpyValues, place: Place) {
    this.dtype = values.dtype
    this.shape = values.shape
    this.data = values.data
    this.#floats = values.floats
    this.#place = place
  }

  /**
   * The array as a model takes it. uint8 and float32 are passed on without a copy; every other type of number becomes
   * float32, rounded where it must be. Arrays of 2²⁰ to 2²⁸ values became so while they were read, so that this call
   * does not keep the event loop from its turns; they come without a copy as well. Text is refused with `ERR_DATA`.
   */
  toNdArray(): NdArray {
    const { data, shape, dtype } = this
    if (isText(data)) throw fileError(this.#place, 'numbers', dtype)
    return { data: this.#floats ?? modelDataOf(dtype, data) ?? floatsOf(data, this.#place), shape }
  }

  /**
   * The array as indices of classes, `[samples]`.
   *
   * @throws {ZoetropeError} `ERR_DATA` for more than one axis, and for a value that is no integer from 0.
   */
  toTargets(): Int32Array {
    if (this.shape.length !== 1) throw fileError(this.#place, 'targets of one axis', `shape ${describe(this.shape)}`)
    const { data } = this
    if (isText(data)) throw fileError(this.#place, 'indices of classes', `text: ${describe(data[0])}`)
    const name = this.#place.entry ?? this.#place.path
    return targetsOf(data, (value, index) => checkTarget(value, () => `value ${index} of '${name}'`))
  }
}

/** What an array holds. */
interface NpyValues {
  readonly dtype: DtypeName
  readonly shape: readonly number[]
  readonly data: NpyData
  /** The same as float32, where that was made already. */
  readonly floats: Float32Array | undefined
}

/** Reads a whole array behind its header. The event loop has its turns, however long the array is. */
export async function readArray(source: ByteSource, header: NpyHeader): Promise<NpyArray> {
  const { dtype, shape, length, isFortranOrder, offset } = header
  const { place } = source
  const read = await source.read(offset, length * dtype.size)
  const bytes = isFortranOrder ? await toRowMajor({ bytes: read, shape, size: dtype.size, place }) : read
  const data = await decodeValues(bytes, dtype, place)
  const isDue = length > CONVERTED_WHEN_READ.from && length <= CONVERTED_WHEN_READ.to
  const isConverted = isDue && !isText(data) && modelDataOf(dtype.name, data) === undefined
  const floats = isConverted ? await floatsInPieces(data, place) : undefined
  return new NpyArray({ dtype: dtype.name, shape, data, floats }, place)
}

/** Values as a model takes them, from the bytes of a file; the event loop has its turns meanwhile. */
export async function readModelData(
  source: ByteSource,
  { dtype }: NpyHeader,
  offset: number,
  length: number,
): Promise<Float32Array | Uint8Array> {
  const { place } = source
  const data = await decodeValues(await source.read(offset, length), dtype, place)
  if (isText(data)) throw fileError(place, 'numbers', dtype.name)
  return modelDataOf(dtype.name, data) ?? (await floatsInPieces(data, place))
}
