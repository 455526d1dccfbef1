/** A figure: Zoetrope's value, what it is compared with, their ratio, and the bar it is held against. */

/** At least so many times as good, or at most so much of. */
export const atLeast = (value, unit = '×') => ({ kind: 'at least', value, unit })
export const atMost = (value, unit = '×') => ({ kind: 'at most', value, unit })

/** The contender with the smallest median. `others` is `[{ contender, summary }]`. */
export function fastest(others) {
  return others.reduce((best, other) => (other.summary.median < best.summary.median ? other : best))
}

/** How many times as fast as `other` Zoetrope is, by the times `ours` and `other`. */
export function speedFigure(figure, shape, ours, other, bar) {
  return row(figure, shape, ours, other, other.summary.median / ours.median, bar)
}

/** What share of `other`'s cost Zoetrope's is. */
export function costFigure(figure, shape, ours, other, bar, unit = 'ms') {
  return { ...row(figure, shape, ours, other, ours.median / other.summary.median, bar), unit }
}

/** A value with a bar of its own, compared with nobody. */
export function ownFigure(figure, shape, ours, bar, unit) {
  return { ...row(figure, shape, ours, undefined, undefined, bar), unit, verdict: verdict(ours.median, bar) }
}

/** A figure that this run could not measure, and why. */
export function missingFigure(figure, shape, bar, reason) {
  return { figure, shape, bar, verdict: 'not measured', reason }
}

function row(figure, shape, ours, other, ratio, bar) {
  const compared = other && { label: other.contender.label, ...other.summary }
  return { figure, shape, unit: 'ms', value: ours, compared, ratio, bar, verdict: verdict(ratio, bar) }
}

function verdict(value, bar) {
  if (bar === undefined || value === undefined) return ''
  return (bar.kind === 'at least' ? value >= bar.value : value <= bar.value) ? 'pass' : 'short'
}

export const figureHeader = ['figure', 'batch × (time, size)', 'Zoetrope', 'compared with', 'ratio', 'bar', '']

export function figureCells({ figure, shape, unit, value, compared, ratio, bar, verdict: passed }) {
  const limit = bar && `${bar.kind === 'at least' ? '≥' : '≤'} ${bar.value} ${bar.unit}`
  return [
    figure,
    shape,
    value && `${number(value.median)} ${unit}`,
    compared && `${number(compared.median)} ${unit} (${compared.label})`,
    ratio && `${ratio.toFixed(2)} ×`,
    limit,
    passed,
  ]
}

/** Two cells: the median, and from the smallest to the largest. */
export const spread = ({ median, min, max }) => [number(median), `${number(min)} – ${number(max)}`]

/** Three significant digits, without an exponent. */
export function number(value) {
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 4))
}
