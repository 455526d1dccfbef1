import { describe } from '../../common/checks'
import { checkTarget } from '../dataset'
import { fileError } from './file-error'
import type { NdArray } from '../../common/nd-array'
import type { ByteSource } from './bytes'
import type { DtypeName, NpyData } from './dtype'
import type { Place } from './file-error'
import type { NpyHeader } from './npy-header'

/** An array as NumPy wrote it. */
export class NpyArray {
  /** NumPy's name of the type in the file. */
  readonly dtype: DtypeName
  /** The size of each axis, slowest first; none for a single value. */
  readonly shape: readonly number[]
  /** The values, the last axis contiguous: bool as 0 and 1, float16 as float32, text as strings. */
  readonly data: NpyData
  readonly #place: Place

  /** @internal */
  constructor(dtype: DtypeName, shape: readonly number[], data: NpyData, place: Place) {
    this.dtype = dtype
    this.shape = shape
    this.data = data
    this.#place = place
  }

  /**
   * The array as a model takes it. uint8 and float32 are passed on without a copy; every other type of number becomes
   * float32, rounded where it must be. Text is refused with `ERR_DATA`.
   */
  toNdArray(): NdArray {
    const data = toModelData(this.dtype, this.data)
    if (data === undefined) throw fileError(this.#place, 'numbers', this.dtype)
    return { data, shape: this.shape }
  }

  /**
   * The array as indices of classes, `[samples]`.
   *
   * @throws {ZoetropeError} `ERR_DATA` for more than one axis, and for a value that is no integer from 0.
   */
  toTargets(): Int32Array {
    if (this.shape.length !== 1) throw fileError(this.#place, 'targets of one axis', `shape ${describe(this.shape)}`)
    const name = this.#place.entry ?? this.#place.path
    return Int32Array.from({ length: this.data.length }, (_, index) => {
      const value = this.data[index]
      if (typeof value === 'string') throw fileError(this.#place, 'indices of classes', `text: ${describe(value)}`)
      return checkTarget(Number(value), `value ${index} of '${name}'`)
    })
  }
}

/** Reads a whole array behind its header. */
export async function readArray(source: ByteSource, header: NpyHeader): Promise<NpyArray> {
  const { dtype, shape, length, isFortranOrder, offset } = header
  const bytes = await source.read(offset, length * dtype.size)
  const data = dtype.decode(isFortranOrder ? toRowMajor(bytes, shape, dtype.size) : bytes)
  return new NpyArray(dtype.name, shape, data, source.place)
}

/** Values as a model takes them; `undefined` for text. */
export function toModelData(dtype: DtypeName, data: NpyData): Float32Array | Uint8Array | undefined {
  if (data instanceof Float32Array) return data
  if (data instanceof Uint8Array) return dtype === 'bool' ? Float32Array.from(data) : data //  a bool is no pixel
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number)
  return isText(data) ? undefined : Float32Array.from(data)
}

function isText(data: NpyData): data is readonly string[] {
  return Array.isArray(data)
}

/** Fortran's order, in which the first axis is contiguous, turned into C's. */
function toRowMajor(bytes: Uint8Array, shape: readonly number[], size: number): Uint8Array {
  const strides: number[] = []
  let stride = size
  for (const axis of shape) {
    strides.push(stride)
    stride *= axis
  }
  const ordered = new Uint8Array(bytes.length)
  const position = shape.map(() => 0)
  let from = 0
  for (let to = 0; to < ordered.length; to += size) {
    for (let byte = 0; byte < size; byte++) ordered[to + byte] = bytes[from + byte] ?? 0
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [at, end, step] = [(position[axis] ?? 0) + 1, shape[axis] ?? 0, strides[axis] ?? 0]
      from += step
      position[axis] = at
      if (at < end) break
      from -= end * step
      position[axis] = 0
    }
  }
  return ordered
}
