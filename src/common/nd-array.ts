import { types } from 'node:util'
import { checkObject, rangeError, typeError } from './checks'
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

/** An {@link NdArray} that comes from a model: always float32. */
export interface FloatArray extends NdArray {
  readonly data: Float32Array
}

/** Checks an {@link NdArray} that enters the package and returns it. */
export function checkNdArray(array: NdArray, name: string): NdArray {
  checkObject(array, name)
  const { data, shape } = array
  if (!types.isFloat32Array(data) && !types.isUint8Array(data)) {
    throw typeError('a Float32Array or Uint8Array', `${name}.data`, data)
  }
  checkShape(shape, `${name}.shape`)
  const length = elements(shape)
  if (data.length !== length) {
    throw new ZoetropeError(
      'ERR_SHAPE_MISMATCH',
      `Expected ${length} values in \`${name}.data\` for shape ${formatShape(shape)}, received ${data.length}`,
      { expected: length, actual: data.length, shape },
    )
  }
  return array
}

/** How many values an array of this shape has. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** `[2, 3, 64, 64]` */
export function formatShape(shape: readonly (number | null)[]): string {
  return `[${shape.join(', ')}]`
}

function checkShape(shape: readonly unknown[], name: string): void {
  if (!Array.isArray(shape)) throw typeError('an array of positive integers', name, shape)
  for (const size of shape) {
    if (typeof size !== 'number') throw typeError('an array of positive integers', name, shape)
    if (!Number.isSafeInteger(size) || size < 1) throw rangeError('positive integers', name, shape)
  }
}
