import { AREA, SIZE, at, axes, horizontal, vertical } from './axis'
import { html } from '../markup'
import type { Axis, AxisOptions } from './axis'
import type { Markup } from '../markup'

/** A line of a chart. Points without a number are gaps. */
export interface Series {
  /** Its name in the legend. */
  readonly name: string
  /** `[x, y]`, in the order of x. */
  readonly points: readonly (readonly [number, number])[]
  /** Whether each point has a dot. Default false. */
  readonly hasDots?: boolean
}

export interface LineChart {
  /** Above the chart, and what it is called to who cannot see it. */
  readonly title: string
  readonly series: readonly Series[]
  readonly x: string
  readonly y: string
  /** The range and kind of an axis. Default what the points have. */
  readonly xAxis?: Partial<AxisOptions>
  readonly yAxis?: Partial<AxisOptions>
  /** A vertical line with its name, such as the best epoch. */
  readonly mark?: { readonly x: number; readonly name: string } | undefined
  /** A dashed line from corner to corner, such as that of perfect calibration. Default false. */
  readonly hasDiagonal?: boolean
}

/** Colours in the style sheet; more lines than that begin again. */
const COLOURS = 6

/** Lines over a common axis. */
export function lineChart({ title, series, x, y, xAxis, yAxis, mark, hasDiagonal = false }: LineChart): Markup {
  const points = series.flatMap((line) => line.points).filter(([, value]) => Number.isFinite(value))
  const across = horizontal({ ...range(points.map(([value]) => value)), ...xAxis })
  const up = vertical({ ...range(points.map(([, value]) => value)), ...yAxis })
  return figure(
    title,
    html`${axes(across, up, { x, y })}
    ${hasDiagonal ? html`<path class="diagonal" d="M${AREA.left} ${AREA.bottom}L${AREA.right} ${AREA.top}" />` : undefined}
    ${mark && html`<path class="mark" d="M${at(across.place(mark.x))} ${AREA.top}V${AREA.bottom}" />`}
    ${series.map((line, index) => drawn(line, index, across, up))}`,
    html`${series.length > 1 ? legend(series.map(({ name }) => name)) : undefined}${mark && html`<p class="note">${mark.name}</p>`}`,
  )
}

/** A chart with its title above and a legend or a note below. */
export function figure(title: string, contents: Markup, below?: Markup): Markup {
  return html`<figure class="chart">
    <figcaption>${title}</figcaption>
    <svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="${title}">${contents}</svg>
    ${below}
  </figure>`
}

export function legend(names: readonly string[]): Markup {
  return html`<p class="legend">
    ${names.map((name, index) => html`<span><i class="${colour(index)}"></i>${name}</span> `)}
  </p>`
}

/** The class by which the style sheet gives a colour. */
export function colour(index: number): string {
  return `c${index % COLOURS}`
}

function drawn({ points, hasDots = false }: Series, index: number, x: Axis, y: Axis): Markup {
  const place = ([across, up]: readonly [number, number]): string => `${at(x.place(across))} ${at(y.place(up))}`
  let path = ''
  let isDrawing = false
  for (const point of points) {
    const isPoint = Number.isFinite(point[1])
    if (isPoint) path += `${isDrawing ? 'L' : 'M'}${place(point)}`
    isDrawing = isPoint
  }
  const seen = points.filter(([, value]) => Number.isFinite(value))
  const dots = hasDots || seen.length === 1 ? seen : []
  return html`<path class="line ${colour(index)}" d="${path}" />
    ${dots.map(([across, up]) => html`<circle class="dot ${colour(index)}" cx="${at(x.place(across))}" cy="${at(y.place(up))}" r="2.5" />`)}`
}

function range(values: readonly number[]): AxisOptions {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity)
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity)
  return values.length === 0 ? { low: 0, high: 1 } : { low, high }
}
