/**
 * Which axis is time, of one sample and of a batch; and which frames of a padded clip are its own.
 *
 * | input | one sample | batch |
 * |---|---|---|
 * | image | `[channels, height, width]` | `[batch, channels, height, width]` |
 * | clip of frames | `[time, channels, height, width]` | `[batch, time, channels, height, width]` |
 * | vector | `[features]` | `[batch, features]` |
 * | clip of vectors | `[time, features]` | `[batch, time, features]` |
 */
import { rangeError, typeError } from '../common/checks'
import { copied, listOf } from '../common/list'
import { formatShape } from '../common/nd-array'
import type { IntegerArray } from './targets'

/** Whether a sample has an axis of time. */
export function sampleHasTime(shape: readonly number[]): boolean {
  return shape.length === 2 || shape.length === 4
}

/** Frames of a sample: 1 where there is no axis of time. */
export function framesOf(shape: readonly number[]): number {
  return sampleHasTime(shape) ? (shape[0] ?? 1) : 1
}

/** Whether a batch has an axis of time, behind that of the samples. */
function batchHasTime(shape: readonly number[]): boolean {
  return sampleHasTime(shape.slice(1))
}

/** Frames of each clip of a batch, padding included: 1 where there is no axis of time. */
export function timeOf(shape: readonly number[]): number {
  return framesOf(shape.slice(1))
}

/** Checks the lengths of the clips in an array of the given shape, and copies them. */
export function checkLengths(lengths: IntegerArray | undefined, shape: readonly number[]): Int32Array | null {
  if (lengths === undefined) return null
  const list = listOf(lengths)
  if (list === undefined) throw typeError('an array of integers', 'lengths', lengths)
  const [batch = 0] = shape
  if (!batchHasTime(shape)) {
    throw new RangeError(`Expected clips with an axis of time for \`lengths\`, received shape ${formatShape(shape)}`)
  }
  if (list.length !== batch) throw rangeError(`${batch} lengths, one a clip,`, 'lengths', lengths)
  const time = timeOf(shape)
  const expected = `an integer from 1 to ${time}, the frames of the clips,`
  return copied(list, Int32Array, (length, index) => {
    if (typeof length !== 'number') throw typeError(expected, `lengths[${index}]`, length)
    if (Number.isInteger(length) && length >= 1 && length <= time) return length
    throw rangeError(expected, `lengths[${index}]`, length)
  })
}
