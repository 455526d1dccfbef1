/** How long the answer to one more frame takes while a clip runs: `push()`, beside PyTorch with the state carried. */
import { agree } from '../lib/agreement.mjs'
import { atLeast, fastest, speedFigure, spread } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { interleave } from '../lib/rounds.mjs'
import { quantile, summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'

const FRAMES = 16
const clip = shape(1, FRAMES, 64)

export async function stream(context) {
  const { job, ours, theirs } = await agree(context, clip)
  const contenders = [...ours, ...theirs]
  const entries = contenders.map((contender) => ({ contender, job: { ...job, task: 'stream' } }))
  const results = await interleave(context, entries)
  const perFrame = (share) =>
    contenders.map((contender, index) => ({
      contender,
      summary: summary(results[index].map(({ sweepsMs }) => quantile(sweepsMs, share) / FRAMES)),
    }))
  const [middle, late] = [perFrame(0.5), perFrame(0.99)]
  const lines = contenders.map(({ label }, index) => [
    label,
    ...[middle, late].flatMap((column) => spread(column[index].summary)),
  ])
  console.log(`\n${table(['one frame of 3 × 64 × 64', 'median, ms', 'min – max', 'p99, ms', 'min – max'], lines)}`)
  const figure = (name, column) =>
    speedFigure(name, clip.label, column[0].summary, fastest(column.slice(ours.length)), atLeast(1))
  return {
    rows: [figure('stream, a frame, median', middle), figure('stream, a frame, p99', late)],
    raw: Object.fromEntries(contenders.map(({ key }, index) => [key, results[index]])),
  }
}
