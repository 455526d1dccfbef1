/** What clips of different lengths cost: an epoch of them, batched by length, against one of clips that are all as long. */
import { zoetropeContenders } from '../lib/contenders.mjs'
import { atMost, costFigure } from '../lib/figures.mjs'
import { network } from '../lib/network.mjs'
import { interleave } from '../lib/rounds.mjs'
import { median, summary } from '../lib/statistics.mjs'

const batch = 16
const size = 32
/** Lengths as those of Japanese Vowels; the clips of equal length have their mean. */
const between = [7, 29]
const models = {
  [`${batch} × (${between.join('…')}, ${size}²)`]: network(size),
  [`${batch} × (${between.join('…')}), 40 features`]: { ...network(size), input: { features: 40 }, cnn: [] },
}

export async function lengths(context) {
  const { threads, seconds, paths } = context.options
  const [contender] = zoetropeContenders(paths)
  const equal = { label: 'equal lengths' }
  const [rows, raw] = [[], {}]
  for (const [label, config] of Object.entries(models)) {
    const job = { task: 'lengths', threads, seconds, config, batch, between }
    const results = await interleave(context, [
      { contender, job },
      { contender, job: { ...job, isEqual: true } },
    ])
    const [varied, same] = results.map((rounds) =>
      summary(rounds.map(({ sweepsMs, frames }) => (1000 * median(sweepsMs)) / frames)),
    )
    const other = { contender: equal, summary: same }
    rows.push(
      costFigure('training on clips of different lengths, a valid frame', label, varied, other, atMost(1.1), 'µs'),
    )
    raw[label] = { varied: results[0], equal: results[1] }
  }
  return { rows, raw }
}
