/** One training step: forward, cross-entropy, backward, Adam. */
import { atLeast, fastest, ownFigure, speedFigure } from '../lib/figures.mjs'
import { productFlops } from '../lib/network.mjs'
import { sgemm, sgemmRates } from '../lib/sgemm.mjs'
import { summary } from '../lib/statistics.mjs'
import { measureSweeps } from './sweeps.mjs'

export async function train(context) {
  const [speed, defaults, share] = [[], [], []]
  const raw = {}
  for (const shape of context.options.shapes) {
    const measured = await measureSweeps(context, 'train', shape, { more: [sgemm] })
    const [[{ summary: ours }], theirs] = [measured.ours, measured.theirs]
    speed.push(speedFigure('training step, fastest PyTorch', shape.label, ours, fastest(theirs), atLeast(3)))
    const plain = theirs.find(({ contender }) => contender.key === 'defaults')
    defaults.push(speedFigure('training step, PyTorch’s defaults', shape.label, ours, plain, atLeast(4)))

    const rates = sgemmRates(measured.more[0])
    const { training: flops } = productFlops(shape.config, shape)
    const shares = summary(ours.values.map((ms, turn) => (100 * flops) / rates.values[turn] / (ms / 1000)))
    share.push(ownFigure('its GEMMs at the sgemm rate', shape.label, shares, atLeast(65, '%'), '% of the step'))
    raw[shape.name] = { ...measured.raw, sgemmFlopsPerSecond: rates, gemmFlopsPerStep: flops }
  }
  return { rows: [...speed, ...defaults, ...share], raw }
}
