/** Whether JavaScript goes on while a model trains: the event loop's delay, by perf_hooks. */
import { agree } from '../lib/agreement.mjs'
import { atMost, ownFigure } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { interleave } from '../lib/rounds.mjs'
import { summary } from '../lib/statistics.mjs'

const clips = shape(8, 16, 64)
const datasets = { tensor: 'TensorDataset', javascript: 'JavaScript dataset' }

export async function eventLoop(context) {
  const { job, ours } = await agree(context, clips)
  const names = Object.keys(datasets)
  const entries = names.map((dataset) => ({ contender: ours[0], job: { ...job, task: 'event-loop', dataset } }))
  const results = await interleave(context, entries)
  const rows = names.map((dataset, index) => {
    const delays = summary(results[index].map(({ p99Ms }) => p99Ms))
    return ownFigure(`event-loop delay, p99, ${datasets[dataset]}`, clips.label, delays, atMost(20, 'ms'), 'ms')
  })
  return { rows, raw: Object.fromEntries(names.map((dataset, index) => [dataset, results[index]])) }
}
