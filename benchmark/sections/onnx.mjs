/**
 * Inference beside onnxruntime-node, by the same weights: Zoetrope exports its model, and nothing is timed unless the file
 * answers as the model does. Needs no PyTorch.
 */
import { join } from 'node:path'
import { SetupError } from '../../scripts/steps.mjs'
import { TOLERANCE, relativeDistance } from '../lib/agreement.mjs'
import { distinctBatches } from '../lib/batches.mjs'
import { zoetropeContenders } from '../lib/contenders.mjs'
import { atLeast, spread, speedFigure } from '../lib/figures.mjs'
import { interleave } from '../lib/rounds.mjs'
import { median, summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'
import { runJob } from '../lib/worker.mjs'
import { listed } from './networks.mjs'

const contender = { key: 'onnxruntime', label: 'onnxruntime-node', kind: 'onnx', configuration: 'default' }
/** Of `networks.json`: a CNN with batch norms, convolutions over time with two LSTM layers, two directions. */
const NETWORKS = ['A', 'D', 'E']
const BATCHES = 4
const BAR = 1.5

export async function onnx(context) {
  const [rows, raw] = [[], {}]
  for (const clips of [...context.options.shapes, ...chosenNetworks(context.options)]) {
    const { row, results } = await measure(context, clips)
    rows.push(row)
    raw[clips.name] = results
  }
  return { rows, raw }
}

function chosenNetworks({ only, hasAllShapes }) {
  if (only === undefined && !hasAllShapes) return []
  return listed
    .filter(({ name }) => (only ?? NETWORKS).includes(name))
    .filter(({ missing }) => missing === undefined)
    .map(({ name, title, batch, time, config }) => {
      return { name, label: `${name} ${title}, ${batch} × ${time}`, batch, time, config, batches: BATCHES }
    })
}

async function measure(context, clips) {
  const [zoetrope] = zoetropeContenders(context.options.paths)
  const files = { weights: `${clips.name}.safetensors`, onnx: `${clips.name}.onnx` }
  for (const [key, name] of Object.entries(files)) files[key] = join(context.folder, name)
  const batches = clips.batches ?? distinctBatches(clips)
  const { options, pool } = context
  const job = { ...pool, ...files, config: clips.config, shape: clips, batches, seconds: options.seconds }
  context.status(`${clips.label}: does the file answer as the model?`)
  await runJob(context, zoetrope, { ...job, task: 'weights' })
  await runJob(context, zoetrope, { ...job, task: 'export' })
  const { logits: expected } = await runJob(context, zoetrope, { ...job, task: 'logits' })
  const { logits } = await runJob(context, contender, { ...job, task: 'logits' })
  const difference = relativeDistance(logits, expected)
  if (!(difference <= TOLERANCE)) {
    const limit = `at most ${TOLERANCE}; it was not timed`
    throw new SetupError(`The exported file and Zoetrope disagree at ${clips.label}, by ${difference} (${limit})`)
  }
  const entries = [zoetrope, contender].map((each) => ({ contender: each, job: { ...job, task: 'inference' } }))
  const results = await interleave(context, entries)
  const [ours, theirs] = results.map((rounds) => summary(rounds.map(({ sweepsMs }) => median(sweepsMs) / batches)))
  const lines = [
    ['Zoetrope', ...spread(ours)],
    [contender.label, ...spread(theirs)],
  ]
  console.log(`\n${table([clips.label, 'ms per batch', 'min – max'], lines)}`)
  const other = { contender, summary: theirs }
  const row = speedFigure('inference batch, onnxruntime-node', clips.label, ours, other, atLeast(BAR))
  return { row, results: { zoetrope: results[0], onnxruntime: results[1], difference } }
}
