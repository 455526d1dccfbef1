/**
 * Networks that people use (`networks.json`): training, inference and memory beside the fastest PyTorch, and the share
 * of the time that the machine's sgemm would take for the same matrix products.
 */
import { readFileSync } from 'node:fs'
import { atLeast, atMost, costFigure, fastest, missingFigure, ownFigure, speedFigure } from '../lib/figures.mjs'
import { productFlops } from '../lib/network.mjs'
import { sgemm, sgemmRates } from '../lib/sgemm.mjs'
import { summary } from '../lib/statistics.mjs'
import { measureSweeps } from './sweeps.mjs'

/** `{ name, title, batch, time, config }`; without a configuration, `missing` says why. */
export const listed = JSON.parse(readFileSync(new URL('../networks.json', import.meta.url), 'utf8'))

const BATCHES = 4 //          distinct ones: the data is to be small beside the training
const MEGABYTE = 1e6
const tasks = [
  { task: 'train', name: 'training step', flops: ({ training }) => training },
  { task: 'inference', name: 'inference batch', flops: ({ inference }) => inference },
]
/** A network passes by the ratio to the fastest PyTorch, or by a smaller ratio where it is this near to sgemm's rate. */
const bars = { ratio: 1.5, share: 85, ratioWithShare: 1.1 }

export async function networks(context) {
  const { only } = context.options
  const rows = []
  const raw = {}
  for (const network of listed.filter(({ name }) => only === undefined || only.includes(name))) {
    const label = `${network.name} ${network.title}`
    if (network.missing) {
      rows.push(missingFigure('training and inference', label, undefined, `${label}: ${network.missing}`))
      continue
    }
    raw[network.name] = {}
    for (const task of tasks) {
      const measured = await measure(context, network, label, task)
      rows.push(...measured.rows)
      raw[network.name][task.task] = measured.raw
    }
  }
  return { rows, raw }
}

async function measure(context, { name, batch, time, config }, label, { task, name: figureName, flops }) {
  const clips = { name, batch, time, label: `${label}, ${batch} × ${time}`, config, batches: BATCHES }
  const { ours, theirs, more, results } = await measureSweeps(context, task, clips, { more: [sgemm] })
  const [{ contender, summary: mine }] = ours
  const best = fastest(theirs)
  const products = flops(productFlops(config, clips))
  const rates = sgemmRates(more[0])
  const shares = summary(mine.values.map((ms, turn) => (100 * products) / rates.values[turn] / (ms / 1000)))
  const ratio = best.summary.median / mine.median
  const passes = ratio >= bars.ratio || (ratio >= bars.ratioWithShare && shares.median >= bars.share)
  const rows = [
    { ...speedFigure(figureName, label, mine, best, atLeast(bars.ratio)), verdict: passes ? 'pass' : 'short' },
  ]
  if (Number.isFinite(products)) {
    rows.push(ownFigure('its matrix products at sgemm’s rate', label, shares, undefined, '% of the time'))
  }
  const peaks = (key) => summary([results[key].peakBytes / MEGABYTE])
  const memory = theirs.map((each) => ({ ...each, summary: peaks(each.contender.key) }))
  rows.push(costFigure(`peak memory, ${figureName}`, label, peaks(contender.key), fastest(memory), atMost(1), 'MB'))
  return { rows, raw: { results, sgemmFlopsPerSecond: rates, products } }
}
