import { AREA, at, axes, horizontal, vertical } from './axis'
import { figure } from './line'
import { html } from '../markup'
import type { AxisOptions } from './axis'
import type { Markup } from '../markup'

/** A bar from one value to another. */
export interface Bar {
  readonly from: number
  readonly to: number
  readonly height: number
}

export interface BarChart {
  readonly title: string
  readonly bars: readonly Bar[]
  readonly x: string
  readonly y: string
  readonly xAxis?: Partial<AxisOptions>
  readonly yAxis?: Partial<AxisOptions>
}

/** Bars side by side: a histogram, or one value for each of some stretches. Heights below 0 hang down. */
export function barChart({ title, bars, x, y, xAxis, yAxis }: BarChart): Markup {
  const heights = bars.map(({ height }) => height).filter(Number.isFinite)
  const across = horizontal({ low: bars[0]?.from ?? 0, high: bars.at(-1)?.to ?? 1, ...xAxis })
  const up = vertical({ low: Math.min(0, ...heights), high: Math.max(0, ...heights), ...yAxis })
  const zero = up.place(0)
  const rectangles = bars.map(({ from, to, height }) => {
    if (!Number.isFinite(height)) return undefined
    const [left, right, end] = [across.place(from), across.place(to), up.place(height)]
    const width = Math.max(right - left - 1, 0.5)
    return html`<rect
      class="bar"
      x="${at(left)}"
      y="${at(Math.min(zero, end))}"
      width="${at(width)}"
      height="${at(Math.abs(end - zero))}"
    />`
  })
  return figure(
    title,
    html`${axes(across, up, { x, y })}${rectangles}<path class="zero" d="M${AREA.left} ${at(zero)}H${AREA.right}" />`,
  )
}

/** Whole numbers, counted in at most `most` stretches of the same width. */
export function histogram(values: ArrayLike<number>, most = 30): Bar[] {
  let [low, high] = [Infinity, -Infinity]
  for (let index = 0; index < values.length; index++) {
    low = Math.min(low, values[index] ?? low)
    high = Math.max(high, values[index] ?? high)
  }
  if (values.length === 0) return []
  const width = Math.ceil((high - low + 1) / most)
  const counts = Array.from({ length: Math.ceil((high - low + 1) / width) }, () => 0)
  for (let index = 0; index < values.length; index++) {
    const place = Math.floor(((values[index] ?? low) - low) / width)
    counts[place] = (counts[place] ?? 0) + 1
  }
  return counts.map((height, place) => ({
    from: low + place * width - 0.5,
    to: low + (place + 1) * width - 0.5,
    height,
  }))
}
