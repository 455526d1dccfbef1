/** How well each class or label is found, and how sure the model is. */
import { charts, section } from './section'
import { barChart } from '../charts/bars'
import { lineChart } from '../charts/line'
import { count, percent, short } from '../figures'
import { html } from '../markup'
import type { Markup } from '../markup'
import type { ReportData } from '../data'

/** Larger matrices are shown as a list of what is confused most. */
const MOST_IN_MATRIX = 30
const MOST_CONFUSED = 20
const MOST_CURVES = 6

export function confusionSection({ result, model }: ReportData): Markup | undefined {
  const { classes } = model
  const { confusionMatrix: matrix = [], perClass = [] } = result
  if (matrix.length === 0) return undefined
  if (classes.length > MOST_IN_MATRIX) return section('Confusion', mostConfused(matrix, classes))
  const rows = classes.map((name, target) => {
    const counts = matrix[target] ?? []
    const sum = Math.max(1, perClass[target]?.support ?? 1)
    const cells = counts.map(
      (cell, answer) =>
        html`<td style="--share: ${(cell / sum).toFixed(3)}" ${answer === target ? html` class="right"` : undefined}>
          ${cell === 0 ? '' : count(cell)}
        </td>`,
    )
    return html`<tr>
      <th>${name}</th>
      ${cells}
    </tr>`
  })
  return section(
    'Confusion matrix',
    html`<div class="scroll">
        <table class="matrix">
          <thead>
            <tr>
              <th></th>
              <th colspan="${classes.length}" class="text">answered</th>
            </tr>
            <tr>
              <th>is</th>
              ${classes.map((name) => html`<th>${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows}
          </tbody>
        </table>
      </div>
      <p class="note">
        A row has the clips of a class, a column what they were answered as. Right answers have a frame. The colour is
        the share of the row.
      </p>`,
  )
}

function mostConfused(matrix: readonly (readonly number[])[], classes: readonly string[]): Markup {
  const pairs = matrix.flatMap((row, target) =>
    row.flatMap((times, answer) => (times > 0 && answer !== target ? [{ target, answer, times }] : [])),
  )
  const most = pairs.toSorted((left, right) => right.times - left.times).slice(0, MOST_CONFUSED)
  return html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th>is</th>
            <th class="text">answered</th>
            <th>times</th>
          </tr>
        </thead>
        <tbody>
          ${most.map(
            ({ target, answer, times }) =>
              html`<tr>
                <td>${classes[target]}</td>
                <td class="text">${classes[answer]}</td>
                <td>${count(times)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="note">
      The ${count(most.length)} pairs of ${count(classes.length)} classes that are confused most, of
      ${count(pairs.length)}.
    </p>`
}

export function classSection({ result, model }: ReportData): Markup | undefined {
  const { perClass = [] } = result
  if (perClass.length === 0) return undefined
  const rows = perClass.map(
    ({ label, precision, recall, f1, support }) =>
      html`<tr>
        <td>${label}</td>
        <td>${percent(precision)}</td>
        <td>${percent(recall)}</td>
        <td>${percent(f1)}</td>
        <td>${count(support)}</td>
      </tr>`,
  )
  const what = model.config.head.kind === 'multiLabel' ? 'label' : 'class'
  return section(
    what === 'label' ? 'Labels' : 'Classes',
    html`<div class="scroll">
        <table>
          <thead>
            <tr>
              <th>${what}</th>
              <th>precision</th>
              <th>recall</th>
              <th>F1</th>
              <th>support</th>
            </tr>
          </thead>
          <tbody>
            ${rows}
          </tbody>
        </table>
      </div>
      <p class="note">
        Precision: of the answers with this ${what}, the share that has it. Recall: of those that have it, the share
        that was found.
      </p>`,
  )
}

export function calibrationSection({ calibration, model }: ReportData): Markup | undefined {
  if (calibration === undefined) return undefined
  const { bins, error } = calibration
  const isLabels = model.config.head.kind === 'multiLabel'
  const points = bins.filter((bin) => bin.count > 0).map(({ confidence, accuracy }) => [confidence, accuracy] as const)
  const share = { low: 0, high: 1, kind: 'share' } as const
  const x = isLabels ? 'probability of a label' : 'probability of the answered class'
  return section(
    'Calibration',
    charts(
      lineChart({
        title: isLabels ? 'Share that has the label' : 'Share that is right',
        series: [{ name: 'answers', points, hasDots: true }],
        x,
        y: '',
        xAxis: share,
        yAxis: share,
        hasDiagonal: true,
      }),
      barChart({
        title: 'Answers',
        bars: bins.map(({ from, to, count: height }) => ({ from, to, height })),
        x,
        y: '',
        xAxis: share,
        yAxis: { kind: 'whole' },
      }),
    ),
    html`<p class="note">
      Below the dashed line the model is surer than it should be, above it less sure. The expected calibration error is
      ${percent(error)}: the mean distance from the line, over ten bins.
    </p>`,
  )
}

export function rankingSection({ rankings }: ReportData): Markup | undefined {
  if (rankings.length === 0) return undefined
  const drawn = rankings.toSorted((left, right) => right.positives - left.positives).slice(0, MOST_CURVES)
  const share = { low: 0, high: 1, kind: 'share' } as const
  const rows = rankings.map(
    ({ label, area, averagePrecision, positives }) =>
      html`<tr>
        <td>${label}</td>
        <td>${short(area)}</td>
        <td>${short(averagePrecision)}</td>
        <td>${count(positives)}</td>
      </tr>`,
  )
  return section(
    'Thresholds',
    charts(
      lineChart({
        title: 'ROC',
        series: drawn.map(({ label, roc }) => ({ name: label, points: roc })),
        x: 'false positive rate',
        y: 'true positive rate',
        xAxis: share,
        yAxis: share,
        hasDiagonal: true,
      }),
      lineChart({
        title: 'Precision and recall',
        series: drawn.map(({ label, precisionRecall }) => ({ name: label, points: precisionRecall })),
        x: 'recall',
        y: 'precision',
        xAxis: share,
        yAxis: share,
      }),
    ),
    html`<div class="scroll">
        <table>
          <thead>
            <tr>
              <th>label</th>
              <th>area under ROC</th>
              <th>average precision</th>
              <th>positives</th>
            </tr>
          </thead>
          <tbody>
            ${rows}
          </tbody>
        </table>
      </div>
      ${drawn.length < rankings.length ? html`<p class="note">Curves of the ${MOST_CURVES} labels with the most positives.</p>` : undefined}`,
  )
}
