/**
 * A clip's signature: 256 numbers in which clips that look the same are near each other. Frames are averaged over their
 * channels and reduced to a grid of means, 4 × 8 × 8 (time, height, width); then mean and deviation are taken out, so
 * that brightness and contrast do not count.
 */
import type { NdArray } from '../../common/nd-array'

/** Numbers in a signature. */
export const SIGNATURE_LENGTH = 256

/** Axes of a clip, and into how many cells time, height and width are divided; 256 altogether. */
interface Layout {
  readonly size: readonly [time: number, channels: number, height: number, width: number]
  readonly cells: readonly [time: number, height: number, width: number]
}

const FLAT = 1e-6 //      a deviation that is only rounding

/** Writes a clip's signature; false, and nothing, for a clip whose signature is all the same, which tells nothing. */
export function writeSignature({ data, shape }: NdArray, signature: Float32Array): boolean {
  const { size, cells } = layoutOf(shape)
  const [, channels, height, width] = size
  const [times, rows, columns] = [ranges(size[0], cells[0]), ranges(height, cells[1]), ranges(width, cells[2])]
  const values = new Float64Array(SIGNATURE_LENGTH)
  let cell = 0
  for (const time of times) {
    for (const row of rows) {
      for (const column of columns) values[cell++] = cellMean(data, [channels, height, width], { time, row, column })
    }
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / SIGNATURE_LENGTH
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / SIGNATURE_LENGTH
  const deviation = Math.sqrt(square)
  if (!(deviation > FLAT * Math.max(1, Math.abs(mean)))) return false
  signature.set(values.map((value) => (value - mean) / deviation))
  return true
}

type Range = readonly [start: number, end: number]

function cellMean(
  data: ArrayLike<number>,
  [channels, height, width]: readonly [number, number, number],
  { time, row, column }: { readonly time: Range; readonly row: Range; readonly column: Range },
): number {
  let [sum, count] = [0, 0]
  for (let t = time[0]; t < time[1]; t++) {
    for (let c = 0; c < channels; c++) {
      for (let h = row[0]; h < row[1]; h++) {
        const line = ((t * channels + c) * height + h) * width
        for (let w = column[0]; w < column[1]; w++) sum += data[line + w] ?? 0
        count += column[1] - column[0]
      }
    }
  }
  return Number.isFinite(sum) ? sum / count : 0 //        a cell with NaN counts as empty
}

function layoutOf(shape: readonly number[]): Layout {
  const [width = 1, height = 1, channels = 1, ...rest] = shape.toReversed()
  const time = rest.reduce((product, size) => product * size, 1)
  if (shape.length <= 1) return { size: [width, 1, 1, 1], cells: [SIGNATURE_LENGTH, 1, 1] } //  [time]
  if (shape.length === 2) return { size: [height, 1, 1, width], cells: [32, 1, 8] } //           [time, features]
  if (width * height === 1) return { size: [time, 1, 1, channels], cells: [32, 1, 8] } //        frames of one pixel
  return { size: [time, channels, height, width], cells: shape.length === 3 ? [1, 16, 16] : [4, 8, 8] }
}

/** Where each cell of an axis begins and ends: cells overlap where the size is no multiple. */
function ranges(size: number, cells: number): Range[] {
  return Array.from({ length: cells }, (_, cell) => {
    const start = Math.floor((cell * size) / cells)
    return [start, Math.max(start + 1, Math.ceil(((cell + 1) * size) / cells))]
  })
}
