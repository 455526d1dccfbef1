import { setImmediate } from 'node:timers/promises'
import { allocate, PIECE } from './pieces'
import type { Place } from './file-error'

type Units = Uint8Array | Uint16Array | Uint32Array

const TILE = 32 //       values each way: a tile's lines of both orders stay in the processor's first cache
const LARGE = 64 //      bytes: such values, which are text, fill cache lines of their own

/** An array in Fortran's order, in which the first axis is contiguous. */
export interface ColumnMajor {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly shape: readonly number[]
  /** Bytes of one value. */
  readonly size: number
  readonly place: Place
}

/** The same values in C's order, in which the last axis is contiguous; the event loop has its turns meanwhile. */
export async function toRowMajor({ bytes, shape, size, place }: ColumnMajor): Promise<Uint8Array<ArrayBuffer>> {
  const axes = shape.filter((axis) => axis !== 1)
  if (axes.length < 2 || bytes.length === 0) return bytes
  const ordered = allocate(place, Uint8Array, bytes.length)
  const transpose = planeTransposer(bytes.buffer, ordered.buffer, size)
  const [rows = 1, columns = 1] = [axes[0], axes.at(-1)]
  const middle = axes.slice(1, -1)
  const planes = middle.reduce((product, axis) => product * axis, 1)
  const [rowStride, columnStride] = [planes * columns, rows * planes] //   of a row in `ordered`, of a column in `bytes`
  const position = middle.map(() => 0) //                                  of the plane, by axis
  const tile = size <= LARGE ? TILE : 1
  let copied = 0
  for (let plane = 0; plane < planes; plane++) {
    const [from, to] = [rows * planeOf(position, middle), columns * plane]
    for (let row = 0; row < rows; row += tile) {
      for (let column = 0; column < columns; column += tile) {
        const [rowEnd, columnEnd] = [Math.min(row + tile, rows), Math.min(column + tile, columns)]
        transpose({ from, to, row, rowEnd, column, columnEnd, rowStride, columnStride })
        copied += (rowEnd - row) * (columnEnd - column) * Math.max(1, size / 8)
        if (copied < PIECE) continue
        copied = 0
        await setImmediate()
      }
    }
    advance(position, middle)
  }
  return ordered
}

interface Tile {
  /** Where the plane begins, in values. */
  readonly from: number
  readonly to: number
  readonly row: number
  readonly rowEnd: number
  readonly column: number
  readonly columnEnd: number
  readonly rowStride: number
  readonly columnStride: number
}

/** Copies tiles of planes: value (row, column) from `from + row + column · columnStride` to `to + row · rowStride + column`. */
function planeTransposer(from: ArrayBuffer, to: ArrayBuffer, size: number): (tile: Tile) => void {
  if (size === 1) return transposer(new Uint8Array(from), new Uint8Array(to), 1)
  if (size === 2) return transposer(new Uint16Array(from), new Uint16Array(to), 1)
  return transposer(new Uint32Array(from), new Uint32Array(to), size / 4) //   text has more of them for each value
}

function transposer(from: Units, to: Units, units: number): (tile: Tile) => void {
  return (tile) => {
    for (let row = tile.row; row < tile.rowEnd; row++) {
      const target = tile.to + row * tile.rowStride
      for (let column = tile.column; column < tile.columnEnd; column++) {
        const source = (tile.from + row + column * tile.columnStride) * units
        for (let unit = 0; unit < units; unit++) to[(target + column) * units + unit] = from[source + unit] ?? 0
      }
    }
  }
}

/** The place of a plane in Fortran's order. */
function planeOf(position: readonly number[], axes: readonly number[]): number {
  let [plane, stride] = [0, 1]
  for (const [axis, at] of position.entries()) {
    plane += at * stride
    stride *= axes[axis] ?? 1
  }
  return plane
}

/** The next position in C's order. */
function advance(position: number[], axes: readonly number[]): void {
  for (let axis = axes.length - 1; axis >= 0; axis--) {
    position[axis] = (position[axis] ?? 0) + 1
    if ((position[axis] ?? 0) < (axes[axis] ?? 0)) return
    position[axis] = 0
  }
}
