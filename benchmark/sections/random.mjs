/** Networks drawn from a seed (`--draws`, `--seed`), training and inference beside PyTorch's defaults. */
import { torchContenders } from '../lib/contenders.mjs'
import { atLeast, speedFigure } from '../lib/figures.mjs'
import { randomNetworks } from '../lib/random-networks.mjs'
import { summary } from '../lib/statistics.mjs'
import { measureSweeps } from './sweeps.mjs'

const BATCHES = 4
const tasks = [
  { task: 'train', name: 'training step' },
  { task: 'inference', name: 'inference batch' },
]
const bars = { each: atLeast(1), median: atLeast(1.5) }

export async function random(context) {
  const { draws, seed, only } = context.options
  const chosen = randomNetworks(draws, seed).filter((_network, number) => only?.includes(String(number)) ?? true)
  const rows = []
  const raw = {}
  const ratios = Object.fromEntries(tasks.map(({ name }) => [name, []]))
  for (const { name: label, title, batch, time, config } of chosen) {
    const clips = { name: `random-${label}`, label: `${label}, ${batch} × ${time}: ${title}`, batch, time, config }
    raw[label] = { batch, time, config }
    for (const { task, name } of tasks) {
      const options = { rivals: [torchContenders[0]] }
      const {
        ours,
        theirs,
        raw: measured,
      } = await measureSweeps(context, task, { ...clips, batches: BATCHES }, options)
      const row = speedFigure(name, clips.label, ours[0].summary, theirs[0], bars.each)
      rows.push(row)
      ratios[name].push(row.ratio)
      raw[label][task] = measured
    }
  }
  for (const { name } of tasks) {
    const all = summary(ratios[name])
    const verdict = all.median >= bars.median.value ? 'pass' : 'short'
    rows.push({
      figure: `${name}, median`,
      shape: `${chosen.length} draws of seed ${seed}`,
      ratio: all.median,
      bar: bars.median,
      verdict,
    })
    rows.push({
      figure: `${name}, least`,
      shape: `${chosen.length} draws of seed ${seed}`,
      ratio: all.min,
      bar: bars.each,
      verdict: all.min >= 1 ? 'pass' : 'short',
    })
  }
  return { rows, raw }
}
