/** Single clips: how early they are answered, on which frames that hangs, and which were answered worst. */
import { charts, section } from './section'
import { barChart } from '../charts/bars'
import { lineChart } from '../charts/line'
import { counted, percent, short } from '../figures'
import { html } from '../markup'
import type { Markup } from '../markup'
import type { Mistake, ReportData } from '../data'
import type { Occlusion } from '../occlusion'

export function framesSection({ byFrames, occlusion, model }: ReportData): Markup | undefined {
  if (byFrames.length === 0 && occlusion === undefined) return undefined
  const share = { low: 0, high: 1, kind: 'share' } as const
  const isRegression = model.config.head.kind === 'regression'
  const early =
    byFrames.length === 0
      ? undefined
      : lineChart({
          title: isRegression ? 'Mean absolute error so far' : 'Accuracy so far',
          series: [
            {
              name: 'so far',
              points: byFrames.map(
                (cut) => [cut.share ?? NaN, isRegression ? (cut.mae ?? NaN) : cut.accuracy] as const,
              ),
              hasDots: true,
            },
          ],
          x: 'share of the clip that the model has seen',
          y: '',
          xAxis: share,
          yAxis: isRegression ? { low: 0 } : share,
        })
  const changes = occlusion?.changes ?? []
  const mattered = occlusion && barChart({
    title: 'Which frames matter',
    bars: changes.map((height, part) => ({ from: part / changes.length, to: (part + 1) / changes.length, height })),
    x: 'place in the clip',
    y: '',
    xAxis: share,
    yAxis: model.config.head.kind === 'classification' ? { kind: 'share' } : {},
  }) // prettier-ignore
  const notes = [
    byFrames.length > 0 ? `Left: ${counted(byFrames[0]?.samples ?? 0, 'clip')} cut after each tenth, as if no more frames came.` : '',
    occlusion ? `Which frames matter is measured by covering them: a stretch of frames becomes the clip’s mean frame, and the bar is ${measure(model.config.head.kind)}. The mean of ${counted(occlusion.clips, 'clip')}.` : '',
  ] // prettier-ignore
  return section('Frames', charts(early, mattered), html`<p class="note">${notes.join(' ')}</p>`)
}

function measure(kind: string): string {
  return kind === 'classification'
    ? 'by how much the probability of the answered class falls'
    : 'the mean absolute change of the answer'
}

export function mistakeSection({ mistakes, model, result }: ReportData): Markup | undefined {
  const isRegression = model.config.head.kind === 'regression'
  if (mistakes.length === 0) {
    return result.accuracy === 1 ? section('Mistakes', html`<p>No clip was answered wrong.</p>`) : undefined
  }
  const title = isRegression ? 'The largest errors' : 'The worst mistakes'
  const hasCover = mistakes.some(({ occlusion }) => occlusion !== undefined)
  return section(
    title,
    html`<p class="note">
        ${order(mistakes, isRegression)}
        ${hasCover ? 'The bars below a clip say how much covering these frames changes the answer; light ones make the model surer.' : ''}
      </p>
      <div class="clips">${mistakes.map(clip)}</div>`,
  )
}

/** By what the clips are chosen. */
function order([first]: readonly Mistake[], isRegression: boolean): string {
  if (first?.errorRate !== undefined) return 'By errors for each label, of at most 200 clips.'
  return isRegression ? 'By squared error.' : 'By loss: the less probable the right answer was, the worse.'
}

function clip({ name, target, answer, loss, errorRate, frames, picture, occlusion }: Mistake): Markup {
  const shown =
    picture && picture.kind === 'film' && picture.frames.length < frames ? `, ${picture.frames.length} shown` : ''
  const what = picture?.kind === 'values' ? 'values over time, the first feature at the bottom' : 'frames'
  return html`<figure class="clip">
    <figcaption>
      <b>${name}</b><br />is <b>${target}</b>, answered <b>${answer}</b> ·
      ${errorRate === undefined ? `loss ${short(loss ?? NaN)}` : `label errors ${percent(errorRate, 0)}`} ·
      ${counted(frames, 'frame')}${shown}
    </figcaption>
    ${picture && html`<img class="${picture.kind}" src="${picture.address}" width="${picture.width}" height="${picture.height}" alt="${what} of ${name}" />`}
    ${occlusion && cover(occlusion)}
  </figure>`
}

/** Bars as wide as their stretches, as high as what covering them changes. */
function cover(stretches: readonly Occlusion[]): Markup {
  const most = Math.max(...stretches.map(({ change }) => Math.abs(change)), 1e-9)
  return html`<div class="cover" role="img" aria-label="how much each stretch of frames matters">
    ${stretches.map(({ from, to, change }) => {
      const height = Number.isFinite(change) ? Math.abs(change) / most : 0
      const style = `--frames: ${to - from}; --height: ${height.toFixed(3)}`
      return html`<i
        class="${change < 0 ? 'less' : 'more'}"
        style="${style}"
        title="frames ${from + 1} to ${to}: ${short(change)}"
      ></i>`
    })}
  </div>`
}
