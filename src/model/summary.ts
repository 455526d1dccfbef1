import type { NativeLayer } from '../native'

const HEADINGS: Row = ['Layer (type)', 'Output Shape', 'Param #']
const BYTES_PER_PARAMETER = 4

type Row = readonly [string, string, string]

/** The table that Keras prints for a model: one row per layer, then the totals. `null` axes are printed as None. */
export function formatSummary(name: string, layers: readonly NativeLayer[], frozenValues: number): string {
  const rows = layers.map(toRow)
  const widths = ([0, 1, 2] as const).map((column) => Math.max(...[HEADINGS, ...rows].map((row) => row[column].length)))
  const sum = (key: 'parameters' | 'statistics'): number => layers.reduce((total, layer) => total + layer[key], 0)
  const [total, fixed] = [sum('parameters') + sum('statistics'), sum('statistics') + frozenValues]
  const border = (left: string, middle: string, right: string, line: string): string =>
    left + widths.map((width) => line.repeat(width + 2)).join(middle) + right
  return [
    `Model: "${name}"`,
    border('┏', '┳', '┓', '━'),
    formatRow(HEADINGS, widths, '┃'),
    border('┡', '╇', '┩', '━'),
    rows.map((row) => formatRow(row, widths, '│')).join(`\n${border('├', '┼', '┤', '─')}\n`),
    border('└', '┴', '┘', '─'),
    formatTotal('Total', total),
    formatTotal('Trainable', total - fixed),
    formatTotal('Non-trainable', fixed),
  ].join('\n')
}

function formatTotal(what: string, count: number): string {
  return ` ${what} params: ${formatCount(count)} (${formatBytes(count * BYTES_PER_PARAMETER)})`
}

function toRow({ name, kind, outputShape, parameters, statistics }: NativeLayer): Row {
  const shape = outputShape.map((size) => size ?? 'None').join(', ')
  return [`${name} (${kind})`, `(${shape})`, formatCount(parameters + statistics)]
}

function formatRow(row: Row, widths: readonly number[], edge: string): string {
  const cells = row.map((cell, column) => {
    const width = widths[column] ?? 0
    return column === 2 ? cell.padStart(width) : cell.padEnd(width)
  })
  return `${edge} ${cells.join(` ${edge} `)} ${edge}`
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let [size, unit] = [bytes, 0]
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${size.toFixed(2)} ${units[unit]}`
}
