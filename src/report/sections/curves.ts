/** How the training went, epoch by epoch. */
import { charts, section } from './section'
import { lineChart } from '../charts/line'
import { counted, duration } from '../figures'
import { html } from '../markup'
import { hasLabelStrings } from '../../config/head/kind'
import { evenly } from '../../pictures/clip'
import { isLowerBetter, metricOf } from '../../evaluation/metric-names'
import type { Series } from '../charts/line'
import type { Markup } from '../markup'
import type { ReportData } from '../data'
import type { ObservedEpoch } from '../../observer'
import type { Figures, MetricName } from '../../evaluation/metric-names'

/** Figures beside the loss. */
const TITLES = { accuracy: 'Accuracy', mae: 'Mean absolute error', cer: 'Label error rate' } as const
/** Longer trainings have lines without dots, and of very long ones some epochs are drawn. */
const MOST_DOTS = 30
const MOST_EPOCHS = 500

export function curveSection({ history, best, model }: ReportData): Markup | undefined {
  if (history.length === 0) return undefined
  const seconds = history.reduce((sum, { train, validation }) => sum + train.seconds + (validation?.seconds ?? 0), 0)
  const { kind } = model.config.head
  const second = kind === 'regression' || kind === 'forecast' ? 'mae' : hasLabelStrings(kind) ? 'cer' : 'accuracy'
  return section(
    'Training',
    curveCharts(history, best, second),
    html`<p class="note">
      ${counted(history.length, 'epoch')} in ${duration(seconds)}. The training curve is the mean over the steps of an
      epoch, as the model was at each.
    </p>`,
  )
}

/** Loss and one more figure over the epochs. */
export function curveCharts(
  history: readonly ObservedEpoch[],
  best: MetricName | undefined,
  second: keyof typeof TITLES,
): Markup {
  const chosen = best && bestEpoch(history, best)
  const name = `The dashed line is epoch ${chosen}, the best by ${best}: the model has its weights.`
  const draw = (title: string, metric: MetricName): Markup => {
    const series = seriesOf(history, metric)
    const values = series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite)
    return lineChart({
      title,
      series,
      x: 'epoch',
      y: '',
      mark: chosen === undefined ? undefined : { x: chosen, name },
      xAxis: { low: history[0]?.epoch ?? 1, high: history.at(-1)?.epoch ?? 1, kind: 'whole' },
      yAxis: metric === 'accuracy' ? { low: 0, high: 1, kind: 'share' } : { low: Math.min(0, ...values) },
    })
  }
  return charts(draw('Loss', 'loss'), draw(TITLES[second], second))
}

/** The epoch with the best figure; of equals the first. */
export function bestEpoch(history: readonly ObservedEpoch[], metric: MetricName): number | undefined {
  const sign = isLowerBetter(metric) ? -1 : 1
  let [chosen, most]: [number | undefined, number] = [undefined, -Infinity]
  for (const record of history) {
    const value = sign * metricOf(record, metric)
    if (value > most) [chosen, most] = [record.epoch, value]
  }
  return chosen
}

function seriesOf(history: readonly ObservedEpoch[], metric: MetricName): Series[] {
  const points = (of: (record: ObservedEpoch) => Figures | undefined): (readonly [number, number])[] =>
    evenly(history.length, MOST_EPOCHS).flatMap((index) =>
      history.slice(index, index + 1).map((record) => {
        const figures = of(record)
        return [record.epoch, figures ? metricOf({ train: figures }, metric) : NaN] as const
      }),
    )
  const hasDots = history.length <= MOST_DOTS
  const train = { name: 'train', points: points((record) => record.train), hasDots }
  if (history.every(({ validation }) => validation === undefined)) return [train]
  return [train, { name: 'validation', points: points(({ validation }) => validation), hasDots }]
}
