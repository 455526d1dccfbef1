/** One batch through the model without gradients: `logits()`, from array to array. */
import { atLeast, fastest, speedFigure } from '../lib/figures.mjs'
import { measureSweeps } from './sweeps.mjs'

export async function inference(context) {
  const rows = []
  const raw = {}
  for (const shape of context.options.shapes) {
    const measured = await measureSweeps(context, 'inference', shape)
    const [{ summary: ours }] = measured.ours
    rows.push(
      speedFigure('inference batch, fastest PyTorch', shape.label, ours, fastest(measured.theirs), atLeast(2.5)),
    )
    raw[shape.name] = measured.raw
  }
  return { rows, raw }
}
