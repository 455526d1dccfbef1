/** A clip as a picture: a film strip of its frames, or the values of its vectors over time. */
import { blank } from './picture'
import { isPixels } from '../data/array-cache'
import { framesOf, sampleHasTime } from '../data/shapes'
import type { NdArray } from '../common/nd-array'
import type { Picture } from './picture'

/** A clip's picture, and which frames are in it. */
export interface ClipPicture extends Picture {
  /** `'film'`: frames side by side, the first at the left. `'values'`: time to the right, the first feature at the bottom. */
  readonly kind: 'film' | 'values'
  /** The frames shown, from 0; of values every one. */
  readonly frames: readonly number[]
}

/** Frames in a strip, the pixels between two of them, and the largest side of one. */
const MOST_FRAMES = 12
const GAP = 1
const LARGEST_SIDE = 96
/** Columns and rows of values. Longer clips and vectors are averaged. */
const MOST_COLUMNS = 512
const MOST_ROWS = 160

/** The picture of one sample, `[time, channels, height, width]`, `[time, features]`, or the same without time. */
export function clipPicture(input: NdArray): ClipPicture {
  const frame = sampleHasTime(input.shape) ? input.shape.slice(1) : input.shape
  return frame.length === 3 ? filmStrip(input, frame) : valuesPicture(input)
}

/** Up to so many of the numbers 0 … count - 1, evenly, the first and the last among them. */
export function evenly(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, index) => index)
  if (most === 1) return [0]
  return Array.from({ length: most }, (_, index) => Math.round((index * (count - 1)) / (most - 1)))
}

function filmStrip({ data, shape }: NdArray, [channels = 1, height = 1, width = 1]: readonly number[]): ClipPicture {
  const frames = evenly(framesOf(shape), MOST_FRAMES)
  const shrink = Math.max(1, Math.ceil(Math.max(height, width) / LARGEST_SIDE))
  const [rows, columns] = [Math.ceil(height / shrink), Math.ceil(width / shrink)]
  const strip = blank(frames.length * (columns + GAP) - GAP, rows)
  const level = levels(data)
  const size = channels * height * width
  const pixel = (frame: number, channel: number, row: number, column: number): number =>
    meanOf(data, frame * size + channel * height * width, width, {
      top: row * shrink,
      left: column * shrink,
      bottom: Math.min((row + 1) * shrink, height),
      right: Math.min((column + 1) * shrink, width),
    })
  for (const [place, frame] of frames.entries()) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const values = Array.from({ length: channels }, (_, channel) => pixel(frame, channel, row, column))
        const grey = values.reduce((sum, value) => sum + value, 0) / channels
        const at = (row * strip.width + place * (columns + GAP) + column) * 3
        for (let colour = 0; colour < 3; colour++)
          strip.pixels[at + colour] = level(channels === 3 ? (values[colour] ?? 0) : grey)
      }
    }
  }
  return { ...strip, kind: 'film', frames }
}

function valuesPicture({ data, shape }: NdArray): ClipPicture {
  const [time, features] = [framesOf(shape), shape.at(-1) ?? 1]
  const [across, up] = [Math.ceil(time / MOST_COLUMNS), Math.ceil(features / MOST_ROWS)]
  const picture = blank(Math.ceil(time / across), Math.ceil(features / up))
  const level = levels(data)
  for (let row = 0; row < picture.height; row++) {
    for (let column = 0; column < picture.width; column++) {
      const mean = meanOf(data, 0, features, {
        top: column * across,
        left: row * up,
        bottom: Math.min((column + 1) * across, time),
        right: Math.min((row + 1) * up, features),
      })
      picture.pixels.set(heat(level(mean)), ((picture.height - 1 - row) * picture.width + column) * 3)
    }
  }
  return { ...picture, kind: 'values', frames: evenly(time, time) }
}

/** A rectangle of a plane whose rows have `stride` values. */
interface Cells {
  readonly top: number
  readonly left: number
  readonly bottom: number
  readonly right: number
}

function meanOf(data: ArrayLike<number>, offset: number, stride: number, { top, left, bottom, right }: Cells): number {
  let sum = 0
  for (let row = top; row < bottom; row++)
    for (let column = left; column < right; column++) sum += data[offset + row * stride + column] ?? 0
  return sum / ((bottom - top) * (right - left))
}

/** Values as grey levels 0 … 255: bytes as they are, others from the least of the clip to its largest. */
function levels(data: NdArray['data']): (value: number) => number {
  if (isPixels(data)) return Math.round
  let [least, most] = [Infinity, -Infinity]
  for (const value of data) {
    if (value < least) least = value
    if (value > most && value < Infinity) most = value
  }
  const range = most > least && Number.isFinite(least) ? most - least : 1
  return (value) => {
    const share = (value - least) / range
    return Number.isNaN(share) ? 0 : Math.round(255 * Math.min(1, Math.max(0, share)))
  }
}

/** Stops of a scale from dark blue over red to light yellow, along which lightness grows evenly. */
const HEAT = [[10, 10, 50], [90, 20, 110], [185, 55, 85], [240, 140, 40], [250, 245, 160]] as const // prettier-ignore

function heat(level: number): number[] {
  const place = (level / 255) * (HEAT.length - 1)
  const below = Math.min(Math.floor(place), HEAT.length - 2)
  const [low, high] = [HEAT[below] ?? HEAT[0], HEAT[below + 1] ?? HEAT[0]]
  return low.map((value, colour) => Math.round(value + (place - below) * ((high[colour] ?? 0) - value)))
}
