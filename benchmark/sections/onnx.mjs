/** Inference beside onnxruntime-node, on the ONNX file with the same weights that `--onnx` names. */
import { resolve } from 'node:path'
import { SetupError } from '../../scripts/steps.mjs'
import { TOLERANCE, agree, relativeDistance } from '../lib/agreement.mjs'
import { speedFigure } from '../lib/figures.mjs'
import { onnxRuntime } from '../lib/onnxruntime.mjs'
import { interleave } from '../lib/rounds.mjs'
import { runJob } from '../lib/worker.mjs'
import { perBatch } from './sweeps.mjs'

const contender = { key: 'onnxruntime', label: 'onnxruntime-node', kind: 'onnx', configuration: 'default' }

export async function onnx(context) {
  const [shape] = context.options.shapes
  const runtime = await onnxRuntime()
  const { job, ours } = await agree(context, shape)
  const theirs = { ...job, runtime, onnx: resolve(context.options.onnx) }
  await sameLogits(context, ours[0], job, theirs)
  const [here, there] = await interleave(context, [
    { contender: ours[0], job: { ...job, task: 'inference' } },
    { contender, job: { ...theirs, task: 'inference' } },
  ])
  const other = { contender, summary: perBatch(there, job.batches) }
  const row = speedFigure('inference batch, onnxruntime-node', shape.label, perBatch(here, job.batches), other)
  return { rows: [row], raw: { [shape.name]: { zoetrope: here, onnxruntime: there } } }
}

/** Nothing is timed unless the file answers as the model does. */
async function sameLogits(context, zoetrope, job, theirs) {
  const { logits: expected } = await runJob(context, zoetrope, { ...job, task: 'agree', steps: 1 })
  const { logits } = await runJob(context, contender, { ...theirs, task: 'logits' })
  const difference = relativeDistance(logits, expected)
  if (difference <= TOLERANCE) return
  throw new SetupError(
    `${theirs.onnx} and Zoetrope disagree at ${job.shape.label}, by ${difference} (at most ${TOLERANCE}); it was not ` +
      'timed. Expected the weights of seed 0: benchmark/export_onnx.py writes them.',
  )
}
