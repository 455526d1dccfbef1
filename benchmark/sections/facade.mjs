/** What TypeScript costs: an epoch through `train()` against the same steps in a Rust loop. */
import { agree } from '../lib/agreement.mjs'
import { rustContender } from '../lib/contenders.mjs'
import { atMost, costFigure, missingFigure, number } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { summary } from '../lib/statistics.mjs'
import { takeTurns } from '../lib/turns.mjs'
import { hasRustLoop } from '../lib/worker.mjs'

const clips = shape(8, 16, 64)
const figures = [
  { name: 'epoch in TypeScript, TensorDataset', bar: atMost(1.02), dataset: 'tensor' },
  { name: 'epoch in TypeScript, JavaScript dataset', bar: atMost(1.05), dataset: 'javascript' },
]

export async function facade(context) {
  const { job, ours } = await agree(context, clips)
  const contenders = figures.map(({ dataset }) => ({ contender: ours[0], job: { ...job, task: 'train', dataset } }))
  if (hasRustLoop()) contenders.push({ contender: rustContender, job: { ...job, task: 'train' } })
  const turns = await takeTurns(context, contenders)
  const sweeps = turns.map(({ sweepsMs }) => sweepsMs)
  const [tensor, javascript, rust] = sweeps.map((ms) => summary(ms.map((sweep) => sweep / job.batches)))
  const raw = { tensor: sweeps[0], javascript: sweeps[1], rust: sweeps[2] }
  console.log(
    `\nTensorDataset ${number(tensor.median)} ms per step, JavaScript dataset ${number(javascript.median)} ms`,
  )
  const rows = figures.map(({ name, bar }, index) => {
    if (rust === undefined) {
      return missingFigure(name, clips.label, bar, 'an epoch in TypeScript against a Rust loop; no Rust loop is built')
    }
    return costFigure(name, clips.label, [tensor, javascript][index], { contender: rustContender, summary: rust }, bar)
  })
  return { rows, raw }
}
