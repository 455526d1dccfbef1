/** A report as one page that needs nothing else: no script, no request, whatever names are in it. */
import { percent, counted, short } from './figures'
import { html } from './markup'
import { METRIC_NAMES } from '../evaluation/metric-names'
import { STYLE } from './style'
import { calibrationSection, classSection, confusionSection, rankingSection } from './sections/classes'
import { curveSection } from './sections/curves'
import { dataSection } from './sections/data'
import { framesSection, mistakeSection } from './sections/clips'
import { regressionSection } from './sections/regression'
import { forecastSection } from './sections/forecast'
import { runSection } from './sections/run'
import type { MetricName } from '../evaluation/metric-names'
import type { Markup } from './markup'
import type { ReportData } from './data'

/** Whatever a name in the page says, a browser loads and runs nothing. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

/** The page, as the text of a file. */
export function pageOf(data: ReportData): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <title>${data.title}</title>
        <link rel="icon" href="data:," />
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <header>
          <h1>${data.title}</h1>
          <p class="soft">${lead(data)}</p>
          ${tiles(data)}
        </header>
        <main>
          ${[
            curveSection(data),
            confusionSection(data),
            classSection(data),
            regressionSection(data),
            forecastSection(data),
            calibrationSection(data),
            rankingSection(data),
            framesSection(data),
            mistakeSection(data),
            dataSection(data),
            runSection(data),
          ]}
        </main>
      </body>
    </html>`
  return `${page.text}\n`
}

function lead({ created, part, result, model, machine }: ReportData): string {
  const day = created.slice(0, 16).replace('T', ' ')
  return `${counted(result.samples, 'clip')} of the ${part} data, ${counted(model.parameters, 'parameter')}, ${machine.device}, ${day} UTC`
}

/** What the metrics of a test are called. */
const NAMES: Readonly<Partial<Record<MetricName, string>>> = {
  accuracy: 'accuracy',
  balancedAccuracy: 'balanced accuracy',
  macroF1: 'macro F1',
  auc: 'area under the ROC curve',
  mae: 'mean absolute error',
  rmse: 'root of the mean squared error',
  r2: 'R²',
  cer: 'label error rate',
  wer: 'word error rate',
  mase: 'scaled error (MASE)',
  nll: 'negative log-likelihood of a step',
  loss: 'loss',
}
const SHARES: readonly MetricName[] = ['accuracy', 'balancedAccuracy', 'macroF1', 'cer', 'wer']
/** The loss comes last, and strings without any error are the accuracy. */
const LEFT_OUT: readonly MetricName[] = ['loss', 'exact']

function tiles({ result, interval, calibration }: ReportData): Markup {
  const tile = (value: string, name: string): Markup =>
    html`<div class="tile"><b>${value}</b><span>${name}</span></div>`
  const range = interval ? `, 95 %: ${percent(interval.low)} to ${percent(interval.high)}` : ''
  const figures = [...METRIC_NAMES].flatMap((metric) => {
    const value = result[metric]
    if (value === undefined || Number.isNaN(value) || LEFT_OUT.includes(metric)) return []
    const text = SHARES.includes(metric) ? percent(value) : short(value)
    return [tile(text, `${NAMES[metric] ?? metric}${metric === 'accuracy' ? range : ''}`)]
  })
  if (calibration) figures.push(tile(percent(calibration.error), 'calibration error (ECE)'))
  const one = interval?.groups === 1 ? ' All are of one group: how far others differ cannot be told from it.' : ''
  const note =
    interval &&
    (interval.method === 'wilson'
      ? `The interval is Wilson’s: it takes clips as independent of each other.${one}`
      : `The interval draws ${counted(interval.groups ?? 0, 'group')} with replacement 2000 times: clips of one group are not independent.`)
  return html`<div class="tiles">${[...figures, tile(short(result.loss), 'loss')]}</div>
    ${note && html`<p class="note">${note}</p>`}`
}
