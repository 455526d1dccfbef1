/** Axes of charts: where values lie in a picture, and at which of them there are marks. */
import { html } from '../markup'
import { percent, short } from '../figures'
import type { Markup } from '../markup'

/** The size of every chart, in units of which a phone shows one a pixel, and the places around its area. */
export const SIZE = { width: 360, height: 230 } as const
export const AREA = { left: 56, right: 348, top: 12, bottom: 190 } as const

/** Marks on an axis, about. */
const MARKS = 5
/** Percentages of a shorter range have a digit behind the point. */
const FEW_PERCENT = 0.05

/** Values along one side of a chart. */
export interface Axis {
  readonly ticks: readonly number[]
  readonly place: (value: number) => number
  readonly label: (value: number) => string
}

export interface AxisOptions {
  readonly low: number
  readonly high: number
  /** Shares are shown as percentages, and numbers of things have no marks between them. Default `'number'`. */
  readonly kind?: 'number' | 'share' | 'whole' | undefined
}

export function horizontal(options: AxisOptions): Axis {
  return axis(options, AREA.left, AREA.right)
}

export function vertical(options: AxisOptions): Axis {
  return axis(options, AREA.bottom, AREA.top)
}

/** The lines of a chart's two axes, with their marks and names. */
export function axes(x: Axis, y: Axis, names: { readonly x: string; readonly y: string }): Markup {
  const { left, right, top, bottom } = AREA
  return html`<g class="grid"> ${y.ticks.map((tick) => html`<path d="M${left} ${at(y.place(tick))}H${right}" />`)} </g>
    <g class="marks">
      ${y.ticks.map((tick) => html`<text x="${left - 5}" y="${at(y.place(tick) + 4)}" class="end">${y.label(tick)}</text>`)}
      ${x.ticks.map((tick) => html`<text x="${at(x.place(tick))}" y="${bottom + 15}" class="middle">${x.label(tick)}</text>`)}
      <text x="${(left + right) / 2}" y="${bottom + 32}" class="middle name">${names.x}</text>
      <text x="${-(top + bottom) / 2}" y="11" transform="rotate(-90)" class="middle name">${names.y}</text>
    </g>`
}

/** A place in the picture, with as many digits as can be seen. */
export function at(place: number): number {
  return Number(place.toFixed(1))
}

function axis({ low, high, kind = 'number' }: AxisOptions, from: number, to: number): Axis {
  const range = high > low ? high - low : 1
  const ticks = marks(low, low + range, kind === 'whole')
  const digits = range < FEW_PERCENT ? 1 : 0
  return {
    ticks,
    place: (value) => from + ((value - low) / range) * (to - from),
    label: kind === 'share' ? (value) => percent(value, digits) : (value) => short(Number(value.toPrecision(12))),
  }
}

/** Round numbers from low to high: multiples of 1, 2 or 5 times a power of ten. */
function marks(low: number, high: number, isWhole: boolean): number[] {
  const rough = (high - low) / MARKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)
  const width = isWhole ? Math.max(1, step) : step
  const found: number[] = []
  for (let index = Math.ceil(low / width - 1e-9); index * width <= high + width * 1e-9; index++)
    found.push(index * width)
  return found
}
