/** Checks of a model with one batch: gradients, dead units, and whether the model can learn the batch by heart. */
import { shortList } from './finding'
import type { NativeModelAudit } from '../native'
import type { ModelConfig } from '../config/model'
import type { Finding } from './finding'

/** Share of a batch's answers that must be right, or of its loss that must be gone, after learning it by heart. */
const LEARNED = 0.9
/** The share of a layer's channels without gradient from which on the audit reports them. */
const MANY_DEAD = 0.25
/** Adding a number to all scores does not change a softmax over time, so this bias never has a gradient. */
const WITHOUT_BY_NATURE = ['attention.bias', 'decoder.attention.score.bias']

/** Steps in which a small batch is learned by heart, where it can be; after fewer there is no telling. */
const ENOUGH_STEPS = 30

/** What was not finite when a batch was trained on; `undefined` where everything was. */
export function auditFinite({ firstLoss, notFinite, steps }: NativeModelAudit): Finding | undefined {
  if (!Number.isFinite(firstLoss)) {
    return {
      level: 'error',
      code: 'loss-not-finite',
      message: `the loss of the first batch is ${firstLoss}`,
      remedy: 'look for NaN in the inputs, and scale them',
    }
  }
  if (notFinite === undefined) return undefined
  const isLoss = notFinite === 'loss'
  return {
    level: 'error',
    code: isLoss ? 'loss-not-finite' : 'gradient-not-finite',
    message: `the ${notFinite} is NaN or infinite in step ${steps + 1} of learning one batch, whose loss was ${firstLoss.toPrecision(3)}`,
    remedy: 'scale inputs and targets to about 0…1, or create the model anew',
  }
}

/** A network of ReLU units loses some; a layer that lost many is worth a look. */
export function auditGradients({ parameters }: NativeModelAudit): Finding[] {
  const findings: Finding[] = []
  const without = parameters.filter(
    ({ name, gradientNorm, isFrozen }) => !isFrozen && gradientNorm === 0 && !WITHOUT_BY_NATURE.includes(name),
  )
  if (without.length > 0) {
    findings.push({
      level: 'error',
      code: 'no-gradient',
      message: `no gradient reaches ${shortList(without.map(({ name }) => name))}`,
      remedy: 'scale the inputs, lower the learning rate that made the weights, or create the model anew',
    })
  }
  for (const { name, units, deadUnits, isFrozen, gradientNorm } of parameters) {
    const isLayer = name.startsWith('cnn.') && name.endsWith('.bias')
    if (!isLayer || isFrozen || gradientNorm === 0 || deadUnits < MANY_DEAD * units) continue
    findings.push({
      level: 'warning',
      code: 'dead-units',
      message: `${deadUnits} of ${units} channels of ${name.replace(/\.bias$/, '')} get no gradient from the first batch`,
      remedy: 'scale the inputs, lower the learning rate, or use `norm` or another `activation` in the blocks',
    })
  }
  return findings
}

/** How far a batch of so many samples was learned by heart. */
export function auditLearning(
  { correct, predictions, firstLoss, lastLoss, steps }: NativeModelAudit,
  { head }: ModelConfig,
  samples: number,
): Finding {
  const isCounted = head.kind !== 'regression' && head.kind !== 'forecast'
  const right = isCounted ? `, ${correct} of ${predictions} right` : ''
  const figures = `${samples} samples, ${steps} steps: loss ${firstLoss.toPrecision(3)} → ${lastLoss.toPrecision(3)}${right}`
  const isLearned = (isCounted && correct >= LEARNED * predictions) || lastLoss <= (1 - LEARNED) * firstLoss
  if (isLearned) return { level: 'info', code: 'overfits-one-batch', message: figures, remedy: '' }
  if (steps < ENOUGH_STEPS) {
    const remedy =
      'steps are too slow to tell in seconds whether one batch can be learned by heart: try it on fewer frames'
    return { level: 'info', code: 'overfit-unseen', message: figures, remedy }
  }
  return {
    level: 'warning',
    code: 'does-not-overfit',
    message: figures,
    remedy:
      'check that targets belong to their inputs; scale the inputs; a larger model, or less dropout, may be needed',
  }
}
