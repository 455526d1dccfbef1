/** What the data is like, and whether its parts share something. */
import { charts, section } from './section'
import { barChart, histogram } from '../charts/bars'
import { count, counted, percent } from '../figures'
import { html } from '../markup'
import type { Content, Markup } from '../markup'
import type { ReportData, ReportLeakage, ReportPart, SkippedFile } from '../data'

const MOST_CLASSES = 100
const MOST_SKIPPED = 50

export function dataSection(data: ReportData): Markup {
  const { lengths, parts, leakage, findings, skipped, model } = data
  return section(
    'Data',
    sizes(parts, model.classes),
    leakage && leakageText(leakage),
    lengthChart(lengths),
    data.data.samples < data.result.samples ? html`<p class="note">Lengths, calibration and mistakes are of the first ${counted(data.data.samples, 'clip')}.</p>` : undefined, // prettier-ignore
    findings.length === 0
      ? undefined
      : html`<h3>What the audit found</h3>
          <ul class="findings">
            ${findings.map(
              ({ level, code, message, remedy }) =>
                html`<li><b class="${level}">${code}</b>: ${message}${remedy === '' ? '' : ` → ${remedy}`}</li>`,
            )}
          </ul>`,
    skippedList(skipped),
  )
}

function lengthChart(lengths: readonly number[]): Markup {
  const [first = 0] = lengths
  if (lengths.every((length) => length === first)) return html`<p>Every clip has ${counted(first, 'frame')}.</p>`
  return charts(
    barChart({
      title: 'Length of clips',
      bars: histogram(lengths),
      x: 'frames',
      y: 'clips',
      xAxis: { kind: 'whole' },
      yAxis: { kind: 'whole' },
    }),
  )
}

function sizes(parts: readonly ReportPart[], classes: readonly string[]): Content {
  const total = parts.reduce((sum, { samples }) => sum + samples, 0)
  const overview = html`<p>
    ${parts.map(({ name, samples }, index) => html`${index > 0 ? ', ' : ''}${name}: <b>${counted(samples, 'clip')}</b>${parts.length > 1 ? ` (${percent(samples / total, 0)})` : ''}`)}.
  </p>`
  const known = parts.filter(({ classCounts }) => classCounts !== undefined)
  if (known.length === 0) return overview
  const most = Math.max(...known.flatMap(({ classCounts = [] }) => classCounts), 1)
  const cell = (value: number): Markup =>
    html`<td>
      ${count(value)} <span class="share"><i style="width: ${((value / most) * 100).toFixed(1)}%"></i></span>
    </td>`
  const rows = classes.slice(0, MOST_CLASSES).map(
    (name, index) =>
      html`<tr>
        <td>${name}</td>
        ${known.map(({ classCounts = [] }) => cell(classCounts[index] ?? 0))}
      </tr>`,
  )
  return html`${overview}
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>class</th>
            ${known.map(({ name }) => html`<th>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${classes.length > MOST_CLASSES ? html`<p class="note">The first ${MOST_CLASSES} of ${count(classes.length)} classes.</p>` : undefined}`
}

function leakageText({ groups, identical, nearIdentical, hasGroups }: ReportLeakage): Markup {
  const compared = hasGroups ? 'groups and clips' : 'clips'
  if (groups + identical + nearIdentical === 0)
    return html`<p class="good">The parts share nothing that was looked for: ${compared} were compared.</p>`
  const found = [
    groups > 0 ? counted(groups, 'group') : '',
    identical > 0 ? counted(identical, 'identical clip') : '',
    nearIdentical > 0 ? counted(nearIdentical, 'near-identical clip') : '',
  ].filter((text) => text !== '')
  return html`<p class="${identical + groups > 0 ? 'error' : 'warning'}">
    The parts share ${found.join(', ')}: figures may be too good. checkLeakage names them.
  </p>`
}

function skippedList(skipped: readonly SkippedFile[]): Markup | undefined {
  if (skipped.length === 0) return undefined
  return html`<h3>What was skipped</h3>
    <p class="warning">${counted(skipped.length, 'file')}.</p>
    <ul class="findings">
      ${skipped.slice(0, MOST_SKIPPED).map(({ path, reason }) => html`<li><b>${path}</b>: ${reason}</li>`)}
    </ul>
    ${skipped.length > MOST_SKIPPED ? html`<p class="note">The first ${MOST_SKIPPED}.</p>` : undefined}`
}
