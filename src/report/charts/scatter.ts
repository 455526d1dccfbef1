import { AREA, at, axes, horizontal, vertical } from './axis'
import { evenly } from '../../pictures/clip'
import { figure } from './line'
import { html } from '../markup'
import type { Markup } from '../markup'

export interface ScatterChart {
  readonly title: string
  /** `[x, y]` in any order; of more than 1000 some are shown. */
  readonly points: readonly (readonly [number, number])[]
  readonly x: string
  readonly y: string
  /** The line on which points should lie: x = y, or y = 0. */
  readonly line: 'diagonal' | 'zero'
}

const MOST_POINTS = 1000

/** Points over two axes. */
export function scatterChart({ title, points, x, y, line }: ScatterChart): Markup {
  const known = points.filter(([left, right]) => Number.isFinite(left) && Number.isFinite(right))
  const shown = evenly(known.length, MOST_POINTS).flatMap((index) => known.slice(index, index + 1))
  const span = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)]
  const [left, right] = span(shown.map(([value]) => value))
  const [low, high] = span(shown.map(([, value]) => value))
  // Both axes of a diagonal have one range, and a line of zero is in the middle.
  const most = Math.max(Math.abs(low), Math.abs(high))
  const isDiagonal = line === 'diagonal'
  const across = horizontal(isDiagonal ? { low: Math.min(left, low), high: Math.max(right, high) } : { low: left, high: right }) // prettier-ignore
  const up = vertical(isDiagonal ? { low: Math.min(left, low), high: Math.max(right, high) } : { low: -most, high: most }) // prettier-ignore
  const ideal = isDiagonal
    ? `M${AREA.left} ${AREA.bottom}L${AREA.right} ${AREA.top}`
    : `M${AREA.left} ${at(up.place(0))}H${AREA.right}`
  const dots = shown.map(([from, to]) => html`<circle cx="${at(across.place(from))}" cy="${at(up.place(to))}" r="2" />`)
  return figure(
    title,
    html`${axes(across, up, { x, y })}<path class="diagonal" d="${ideal}" /> <g class="points">${dots}</g>`,
  )
}
