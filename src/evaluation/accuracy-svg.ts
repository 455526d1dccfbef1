/** A curve of {@link accuracyByFrames} as a picture. */
import { checkOptions, checkString, typeError } from '../common/checks'
import { listOf } from '../common/list'
import type { PrefixAccuracy } from './accuracy-by-frames'

/** Options of {@link accuracySvg}. */
export interface AccuracySvgOptions {
  /** Above the curve. Default `'Accuracy by frames'`, of a regression `'Mean absolute error by frames'`. */
  readonly title?: string | undefined
}

/** A point of the curve. */
interface Point {
  readonly x: number
  readonly y: number
}

/** An axis: where its values lie in the picture. */
interface Axis {
  readonly ticks: readonly number[]
  readonly place: (value: number) => number
  readonly label: (value: number) => string
}

const [WIDTH, HEIGHT] = [640, 400]
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 24, 48, 56]
const TICKS = 5

/**
 * Draws what {@link accuracyByFrames} gives as an SVG picture of 640 × 400: accuracy from 0 to 100 % over frames or shares,
 * of a regression the mean absolute error. It has no scripts and needs no other file.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 */
export function accuracySvg(curve: readonly PrefixAccuracy[], options: AccuracySvgOptions = {}): string {
  const { points, isShare, isError } = checkCurve(curve)
  options = checkOptions(options, 'options', ['title'])
  const name = isError ? 'Mean absolute error' : 'Accuracy'
  const title = checkString(options.title ?? `${name} by frames`, 'title')
  const largest = Math.max(...points.map(({ x }) => x))
  const x = isShare ? axis(0, 1, LEFT, WIDTH - RIGHT, percent) : axis(0, largest, LEFT, WIDTH - RIGHT, String, 1)
  const highest = Math.max(...points.map(({ y }) => y).filter(Number.isFinite), 0)
  const y = isError
    ? axis(0, highest || 1, HEIGHT - BOTTOM, TOP, (value) => String(Number(value.toPrecision(3))))
    : axis(0, 1, HEIGHT - BOTTOM, TOP, percent)
  const places = points
    .filter((point) => Number.isFinite(point.y))
    .map((point) => [x.place(point.x), y.place(point.y)].map(rounded).join(','))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(WIDTH / 2, 28, title, 'middle', 'font-size="16"'),
    ...y.ticks.flatMap((value) => {
      const at = rounded(y.place(value))
      return [
        `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
        text(LEFT - 8, at + 4, y.label(value), 'end'),
      ]
    }),
    ...x.ticks.map((value) => text(rounded(x.place(value)), HEIGHT - BOTTOM + 20, x.label(value), 'middle')),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#444"/>`,
    text(WIDTH / 2, HEIGHT - 14, isShare ? 'share of the clip' : 'frames', 'middle'),
    text(16, (HEIGHT - BOTTOM + TOP) / 2, name, 'middle', `transform="rotate(-90 16 ${(HEIGHT - BOTTOM + TOP) / 2})"`),
    `<polyline points="${places.join(' ')}" fill="none" stroke="#1f77b4" stroke-width="2" stroke-linejoin="round"/>`,
    ...places.map((place) => {
      const [cx, cy] = place.split(',')
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="#1f77b4"/>`
    }),
    '</svg>',
  ].join('\n')
}

function checkCurve(curve: unknown): { points: readonly Point[]; isShare: boolean; isError: boolean } {
  const list = Array.isArray(curve) ? listOf(curve) : undefined
  const expected = 'what accuracyByFrames() gives'
  if (list === undefined || list.length === 0) throw typeError(expected, 'curve', curve)
  const entries = Array.from({ length: list.length }, (_, index) => {
    const entry = list.at(index)
    if (typeof entry !== 'object' || entry === null) throw typeError(expected, `curve[${index}]`, entry)
    const read = (key: string): number | undefined => {
      const value: unknown = Reflect.get(entry, key)
      if (value === undefined || typeof value === 'number') return value
      throw typeError('a number', `curve[${index}].${key}`, value)
    }
    return { frames: read('frames'), share: read('share'), accuracy: read('accuracy'), mae: read('mae') }
  })
  const isShare = entries[0]?.share !== undefined
  const isError = entries[0]?.mae !== undefined
  const points = entries.map((entry, index) => {
    const [x, y] = [isShare ? entry.share : entry.frames, isError ? entry.mae : entry.accuracy]
    if (x === undefined || y === undefined || !(x > 0 && x < Infinity))
      throw typeError(expected, `curve[${index}]`, entry)
    return { x, y }
  })
  return { points, isShare, isError }
}

/** An axis from `low` to `high`, drawn between two places; ticks at multiples of `least` or more. */
function axis(low: number, high: number, from: number, to: number, label: (value: number) => string, least = 0): Axis {
  const step = Math.max(niceStep((high - low) / TICKS), least)
  const count = Math.floor((high - low) / step + 1e-9)
  return {
    ticks: Array.from({ length: count + 1 }, (_, index) => low + index * step),
    place: (value) => from + ((value - low) / (high - low)) * (to - from),
    label,
  }
}

/** The next of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  const factor = [1, 2, 5].find((candidate) => candidate * power >= step * (1 - 1e-9)) ?? 10
  return factor * power
}

function percent(value: number): string {
  return `${Math.round(value * 100)} %`
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', attributes = ''): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${attributes && ` ${attributes}`}>${escaped(words)}</text>`
}

/** Text as XML holds it; characters that XML has no way to write are left out. */
function escaped(words: string): string {
  return words
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
