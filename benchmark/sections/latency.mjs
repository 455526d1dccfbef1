/** How long one clip takes, call after call: `predict()` with one clip of 16 frames. */
import { agree } from '../lib/agreement.mjs'
import { atMost, costFigure, fastest, spread } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { interleave } from '../lib/rounds.mjs'
import { quantile, summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'

const clip = shape(1, 16, 64)

export async function latency(context) {
  const { job, ours, theirs } = await agree(context, clip)
  const contenders = [...ours, ...theirs]
  const entries = contenders.map((contender) => ({ contender, job: { ...job, task: 'latency' } }))
  const results = await interleave(context, entries)
  const at = (share) =>
    contenders.map((contender, index) => ({
      contender,
      summary: summary(results[index].map(({ callsMs }) => quantile(callsMs, share))),
    }))
  const [middle, late] = [at(0.5), at(0.99)]
  const lines = contenders.map(({ label }, index) => [
    label,
    ...[middle, late].flatMap((column) => spread(column[index].summary)),
  ])
  console.log(`\n${table([clip.label, 'median, ms', 'min – max', 'p99, ms', 'min – max'], lines)}`)
  const figure = (name, column) =>
    costFigure(name, clip.label, column[0].summary, fastest(column.slice(ours.length)), atMost(0.4))
  return {
    rows: [figure('latency of one clip, median', middle), figure('latency of one clip, p99', late)],
    raw: Object.fromEntries(contenders.map(({ key }, index) => [key, results[index]])),
  }
}
