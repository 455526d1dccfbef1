import { checkBoolean, checkInteger, checkOptions, rangeError } from '../common/checks'
import { checkNdArray, formatShape } from '../common/nd-array'
import { unwrap } from '../errors'
import { native } from '../native'
import type { NdArray } from '../common/nd-array'

/** Options of {@link windows}. */
export interface WindowsOptions {
  /** Entries of a window along the axis. */
  readonly size: number
  /** Entries from the beginning of one window to that of the next. Default `size`: windows side by side. */
  readonly step?: number | undefined
  /** The axis that is cut; -1 is the last. Default 0. */
  readonly axis?: number | undefined
  /**
   * Whether a last window that the array does not fill is filled up with zeros. Default false: what is left after the last
   * full window is dropped.
   */
  readonly pad?: boolean | undefined
}

/**
 * Cuts a long recording or a wide image into overlapping windows, on a thread of the package's own: `[windows, …]`, then
 * the axes of the array, of which the one that was cut is as long as a window. Window w begins at entry w · `step`.
 *
 * | array | options | result |
 * |---|---|---|
 * | a line of text, `[channels, height, width]` | `{ size: 16, step: 4, axis: -1 }` | one clip of `[time, channels, height, 16]` |
 * | a recording of sensors, `[time, features]` | `{ size: 128, step: 64 }` | a batch of clips, `[batch, 128, features]` |
 * | a sound, `[samples]` | `{ size: 400, step: 160 }` | one clip of vectors, `[time, 400]` |
 *
 * There are ⌊(length − size) / step⌋ + 1 windows; with `pad` ⌈max(0, length − size) / step⌉ + 1.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {RangeError} For a value out of range, or an array shorter than a window without `pad`.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` where shape and length do not agree, `ERR_OUT_OF_MEMORY`.
 *
 * @example
 * ```ts
 * import { windows } from 'zoetrope'
 *
 * const line = { data: new Uint8Array(28 * 200), shape: [1, 28, 200] }
 * const clip = await windows(line, { size: 16, step: 4, axis: -1 })
 * console.log(clip.shape) // [ 47, 1, 28, 16 ]
 * ```
 */
export async function windows(array: NdArray, options: WindowsOptions): Promise<NdArray> {
  const { data, shape } = checkNdArray(array, 'array')
  const given = checkOptions(options, 'options', ['size', 'step', 'axis', 'pad'])
  if (shape.length === 0) throw rangeError('at least one axis', 'array.shape', formatShape(shape))
  const size = checkInteger(given.size, 'size', 1)
  const step = checkInteger(given.step ?? size, 'step', 1)
  const axis = checkInteger(given.axis ?? 0, 'axis', -shape.length, shape.length - 1)
  const pad = checkBoolean(given.pad ?? false, 'pad')
  const place = axis < 0 ? axis + shape.length : axis
  const length = shape[place] ?? 0
  if (length < size && !pad)
    throw rangeError(`at most ${length} (axis ${place} of the array) without \`pad\``, 'size', size)
  const cut = unwrap(await native().windows(data, [...shape], { size, step, axis: place, pad }))
  return { data: cut.data, shape: cut.shape }
}
