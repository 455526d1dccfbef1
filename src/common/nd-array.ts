import { types } from 'node:util'
import { checkObject, rangeError, typeError } from './checks'
import { isDetached, listOf, typedLength } from './list'
import { ZoetropeError } from '../errors'

/**
 * Numbers and how they are laid out: row-major, the last axis is contiguous.
 *
 * A batch is `[batch, channels, height, width]` (every sample one frame) or `[batch, time, channels, height, width]`;
 * one sample is the same without `batch`. `Uint8Array` values are pixels, scaled to 0…1 on the device; `Float32Array`
 * values are taken as they are.
 */
export interface NdArray {
  /** The values, as many as the sizes of `shape` multiplied. */
  readonly data: Float32Array | Uint8Array
  /** The size of each axis, slowest first. */
  readonly shape: readonly number[]
}

/** More than any array here has; libtorch's own limit. */
const MOST_AXES = 64

/** An {@link NdArray} that comes from a model: always float32. */
export interface FloatArray extends NdArray {
  readonly data: Float32Array
}

/** Checks an {@link NdArray} that enters the package. Returns what was checked: the same values, a shape of its own. */
export function checkNdArray(array: NdArray, name: string): NdArray {
  checkObject(array, name)
  const { data } = array
  if ((!types.isFloat32Array(data) && !types.isUint8Array(data)) || isDetached(data)) {
    throw typeError('a Float32Array or Uint8Array', `${name}.data`, data)
  }
  const shape = checkShape(array.shape, `${name}.shape`)
  const [length, expected] = [typedLength(data), elements(shape)]
  if (length !== expected) {
    throw new ZoetropeError(
      'ERR_SHAPE_MISMATCH',
      `Expected ${expected} values in \`${name}.data\` for shape ${formatShape(shape)}, received ${length}`,
      { expected, actual: length, shape },
    )
  }
  return Object.freeze({ data, shape })
}

/** How many values an array of this shape has. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** `[2, 3, 64, 64]` */
export function formatShape(shape: readonly (number | null)[]): string {
  return `[${shape.join(', ')}]`
}

function checkShape(shape: unknown, name: string): readonly number[] {
  const list = Array.isArray(shape) ? listOf(shape) : undefined
  if (list === undefined) throw typeError('an array of positive integers', name, shape)
  const sizes: number[] = []
  if (list.length > MOST_AXES) throw rangeError(`at most ${MOST_AXES} axes`, name, shape)
  for (let axis = 0; axis < list.length; axis++) {
    const size = list.at(axis)
    if (typeof size !== 'number') throw typeError('an array of positive integers', name, shape)
    if (!Number.isSafeInteger(size) || size < 1) throw rangeError('positive integers', name, shape)
    sizes.push(size)
  }
  return sizes
}
