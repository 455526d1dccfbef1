/** How far numbers are off. */
import { charts, section } from './section'
import { scatterChart } from '../charts/scatter'
import { counted } from '../figures'
import { html } from '../markup'
import type { Markup } from '../markup'
import type { ReportData } from '../data'

export function regressionSection({ regression, model }: ReportData): Markup | undefined {
  const drawn = regression.filter(({ points }) => points.some(([target, answer]) => Number.isFinite(target + answer)))
  if (drawn.length === 0) return undefined
  const { outputs } = model.config.head
  const list = drawn.flatMap(({ output, points }) => {
    const name = outputs === 1 ? '' : ` of output ${output}`
    const residuals = points.map(([target, answer]) => [answer, answer - target] as const)
    return [
      scatterChart({ title: `Answer and target${name}`, points, x: 'target', y: 'answer', line: 'diagonal' }),
      scatterChart({ title: `Residuals${name}`, points: residuals, x: 'answer', y: 'answer − target', line: 'zero' }),
    ]
  })
  const shown = drawn[0]?.points.length ?? 0
  return section(
    'Numbers',
    charts(...list),
    html`<p class="note">
      ${counted(shown, 'answer')} of each output. Residuals without a pattern around the dashed line are as they should
      be.
    </p>`,
  )
}
