/** What training and inference have in common: every contender sweeps over the same batches, at every shape. */
import { agree } from '../lib/agreement.mjs'
import { spread } from '../lib/figures.mjs'
import { summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'
import { takeTurns } from '../lib/turns.mjs'

/**
 * Milliseconds per batch of every contender at a shape, in turns.
 *
 * @param more - Entries that take turns with them.
 * @param rivals - PyTorch's contenders; all by default.
 * @returns `{ ours, theirs, results, more, raw }`; `ours` and `theirs` are `[{ contender, summary }]`, Zoetrope's default first.
 */
export async function measureSweeps(context, task, shape, { more = [], rivals } = {}) {
  const { job, ours, theirs } = await agree(context, shape, rivals)
  const contenders = [...ours, ...theirs]
  const entries = [...contenders.map((contender) => ({ contender, job: { ...job, task } })), ...more]
  const results = await takeTurns(context, entries)
  const measured = contenders.map((contender, index) => ({ contender, summary: perBatch(results[index], job.batches) }))
  print(shape, measured)
  return {
    ours: measured.slice(0, ours.length),
    theirs: measured.slice(ours.length),
    results: Object.fromEntries(contenders.map(({ key }, index) => [key, results[index]])),
    more: results.slice(contenders.length),
    raw: Object.fromEntries(contenders.map(({ key }, index) => [key, { batches: job.batches, ...results[index] }])),
  }
}

/** Milliseconds per batch, one number per turn. */
function perBatch({ sweepsMs }, batches) {
  return summary(sweepsMs.map((ms) => ms / batches))
}

function print(shape, measured) {
  const best = Math.min(...measured.map(({ summary: { median: middle } }) => middle))
  const rows = measured.map(({ contender, summary: figure }) => [
    contender.label,
    ...spread(figure),
    `${(figure.median / best).toFixed(2)} ×`,
  ])
  console.log(`\n${table([shape.label, 'ms per batch', 'min – max', 'of the fastest'], rows)}`)
}
