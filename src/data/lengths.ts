/** Clips of different lengths in one array: how many frames of each are its own, the others are padding. */
import { types } from 'node:util'
import { rangeError, typeError } from '../common/checks'
import { formatShape } from '../common/nd-array'
import type { IntegerArray } from './targets'

/** Frames of each clip of `[batch, …]`, padding included: 1 where there is no axis of time. */
export function timeOf(shape: readonly number[]): number {
  return hasTime(shape.length) ? (shape[1] ?? 1) : 1
}

/** Whether a batch with so many axes has one of time: `[batch, time, features]` and `[batch, time, channels, …]` do. */
function hasTime(axes: number): boolean {
  return axes === 3 || axes === 5
}

/** Checks the lengths of the clips in an array of the given shape, and copies them. */
export function checkLengths(lengths: IntegerArray | undefined, shape: readonly number[]): Int32Array | null {
  if (lengths === undefined) return null
  const isArray = Array.isArray(lengths) || (types.isTypedArray(lengths) && !isBig(lengths))
  if (!isArray) throw typeError('an array of integers', 'lengths', lengths)
  const [batch = 0] = shape
  if (!hasTime(shape.length)) {
    throw new RangeError(`Expected clips with an axis of time for \`lengths\`, received shape ${formatShape(shape)}`)
  }
  if (lengths.length !== batch) throw rangeError(`${batch} lengths, one a clip,`, 'lengths', lengths)
  const time = timeOf(shape)
  return Int32Array.from(lengths, (length, index) => {
    const expected = `an integer from 1 to ${time}, the frames of the clips,`
    if (typeof length !== 'number') throw typeError(expected, `lengths[${index}]`, length)
    if (!Number.isInteger(length) || length < 1 || length > time) {
      throw rangeError(expected, `lengths[${index}]`, length)
    }
    return length
  })
}

function isBig(array: unknown): boolean {
  return types.isBigInt64Array(array) || types.isBigUint64Array(array)
}
