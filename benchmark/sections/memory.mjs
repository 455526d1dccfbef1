/** The most memory that a training process ever held: everything, runtime and data too. */
import { agree } from '../lib/agreement.mjs'
import { atMost, costFigure, fastest, spread } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { interleave } from '../lib/rounds.mjs'
import { summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'

const clips = shape(4, 16, 112)
const BATCHES = 2 //          distinct ones: the data is to be small beside the training
const MEGABYTE = 1e6

export async function memory(context) {
  const { job, ours, theirs } = await agree(context, clips)
  const contenders = [...ours, ...theirs]
  const entries = contenders.map((contender) => ({ contender, job: { ...job, task: 'memory', batches: BATCHES } }))
  const results = await interleave(context, entries)
  const measured = contenders.map((contender, index) => ({
    contender,
    summary: summary(results[index].map(({ peakBytes }) => peakBytes / MEGABYTE)),
  }))
  const lines = measured.map((each) => [each.contender.label, ...spread(each.summary)])
  console.log(`\n${table([clips.label, 'peak, MB', 'min – max'], lines)}`)
  const least = fastest(measured.slice(ours.length))
  return {
    rows: [costFigure('peak memory of training', clips.label, measured[0].summary, least, atMost(0.6), 'MB')],
    raw: Object.fromEntries(contenders.map(({ key }, index) => [key, results[index]])),
  }
}
