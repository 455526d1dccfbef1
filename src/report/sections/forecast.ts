/** How far a forecast is off at each step, beside forecasts that need no model. */
import { charts, section } from './section'
import { lineChart } from '../charts/line'
import { html } from '../markup'
import type { Markup } from '../markup'
import type { ReportData } from '../data'

export function forecastSection({ result: { byStep, persistence, seasonalNaive } }: ReportData): Markup | undefined {
  if (byStep === undefined) return undefined
  const line = (
    name: string,
    steps: readonly { readonly mae: number; readonly rmse: number }[],
    of: 'mae' | 'rmse',
  ) => ({
    name,
    points: steps.map((errors, at) => [at + 1, errors[of]] as const),
    hasDots: true,
  })
  const draw = (title: string, of: 'mae' | 'rmse'): Markup =>
    lineChart({
      title,
      series: [
        line('model', byStep, of),
        ...(persistence ? [line('the last step, repeated', persistence.byStep, of)] : []),
        ...(seasonalNaive ? [line('the last season, repeated', seasonalNaive.byStep, of)] : []),
      ],
      x: 'step of the forecast',
      y: '',
      xAxis: { low: 1, high: Math.max(2, byStep.length), kind: 'whole' },
      yAxis: { low: 0 },
    })
  return section(
    'Steps',
    charts(draw('Mean absolute error', 'mae'), draw('Root of the mean squared error', 'rmse')),
    html`<p class="note">
      A forecast that is not below the line of the last step, or of the last season, is worth nothing.
    </p>`,
  )
}
