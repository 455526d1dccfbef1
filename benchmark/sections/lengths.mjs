/** What clips of different lengths cost: an epoch of them, batched by length, against one of clips that are all as long. */
import { zoetropeContenders } from '../lib/contenders.mjs'
import { atMost, costFigure } from '../lib/figures.mjs'
import { network } from '../lib/network.mjs'
import { summary } from '../lib/statistics.mjs'
import { takeTurns } from '../lib/turns.mjs'

const batch = 16
const size = 32
/** Lengths as those of Japanese Vowels; the clips of equal length have their mean. */
const between = [7, 29]
/** Eight of each length: as many frames as clips of equal length have. */
const clips = 8 * (between[1] - between[0] + 1)
const frames = (clips * (between[0] + between[1])) / 2
const models = {
  [`${batch} × (${between.join('…')}, ${size}²)`]: network(size),
  [`${batch} × (${between.join('…')}), 40 features`]: { ...network(size), input: { features: 40 }, cnn: [] },
}

export async function lengths(context) {
  const { threads, paths } = context.options
  const [contender] = zoetropeContenders(paths)
  const equal = { label: 'equal lengths' }
  const [rows, raw] = [[], {}]
  for (const [label, config] of Object.entries(models)) {
    const job = { task: 'lengths', threads, config, batch, clips, between }
    const turns = await takeTurns(context, [
      { contender, job },
      { contender, job: { ...job, isEqual: true } },
    ])
    const sweeps = turns.map(({ sweepsMs }) => sweepsMs)
    const [varied, same] = sweeps.map((ms) => summary(ms.map((sweep) => (1000 * sweep) / frames)))
    const other = { contender: equal, summary: same }
    rows.push(
      costFigure('training on clips of different lengths, a valid frame', label, varied, other, atMost(1.1), 'µs'),
    )
    raw[label] = { varied: sweeps[0], equal: sweeps[1] }
  }
  return { rows, raw }
}
