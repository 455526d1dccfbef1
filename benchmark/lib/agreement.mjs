/** Before anything is timed: the same weights, the same batches, the same losses and logits, or it stops. */
import { join } from 'node:path'
import { SetupError } from '../../scripts/steps.mjs'
import { distinctBatches } from './batches.mjs'
import { torchContenders, zoetropeContenders } from './contenders.mjs'
import { runJob } from './worker.mjs'

/** The largest relative difference of logits, and of the first step's loss. */
export const TOLERANCE = 1e-4
/**
 * The same of the losses after updates. Adam's first ones are as large for a gradient that is rounding as for any other,
 * and a deep network with batch norms amplifies them.
 */
const TOLERANCE_AFTER_UPDATES = 1e-3
const STEPS = 3

/**
 * Makes the weights of this shape's network and compares every contender with Zoetrope on the first steps.
 *
 * @param rivals - PyTorch's contenders.
 * @returns What jobs at this shape need, and the contenders that take part: `{ job, ours, theirs }`.
 */
export async function agree(context, shape, rivals = torchContenders) {
  const known = context.agreed.get(shape.name)
  if (known) return known
  const weights = join(context.folder, `${shape.name}.safetensors`)
  const batches = shape.batches ?? distinctBatches(shape)
  const job = {
    ...context.pool,
    config: shape.config,
    shape,
    weights,
    batches,
    seconds: context.options.seconds,
  }
  context.status(`${shape.label}: do all compute the same?`)
  const ours = zoetropeContenders(context.options.paths)
  await runJob(context, ours[0], { ...job, task: 'weights' })
  const theirs = []
  let expected
  const found = {}
  for (const contender of [...ours, ...rivals]) {
    const result = await runJob(context, contender, { ...job, task: 'agree', steps: Math.min(STEPS, batches) })
    if (result.unavailable) {
      context.note(`${contender.label} is not available: ${result.unavailable}`)
      continue
    }
    expected ??= result
    found[contender.key] = compare(contender, shape, expected, result)
    if (contender.kind === 'torch') theirs.push(contender)
  }
  const agreed = { job, ours, theirs }
  context.agreed.set(shape.name, agreed)
  context.raw.agreement = { ...context.raw.agreement, [shape.name]: found }
  context.status()
  return agreed
}

/** The largest relative differences; throws when one is above the tolerance. */
function compare(contender, shape, expected, result) {
  const losses = expected.losses.map((loss, step) => Math.abs(result.losses[step] - loss) / Math.abs(loss))
  const logits = relativeDistance(result.logits, expected.logits)
  const [first, ...later] = losses
  const [atOnce, afterUpdates] = [Math.max(logits, first), Math.max(0, ...later)]
  if (atOnce <= TOLERANCE && afterUpdates <= TOLERANCE_AFTER_UPDATES)
    return { losses: result.losses, lossDifference: Math.max(...losses), logitsDifference: logits }
  throw new SetupError(
    `${contender.label} and Zoetrope disagree at ${shape.label}, by ${atOnce.toExponential(2)} at once (at most ` +
      `${TOLERANCE}) and ${afterUpdates.toExponential(2)} after updates (at most ${TOLERANCE_AFTER_UPDATES}); nothing was timed.\n  losses ${result.losses.join(', ')}\n  and    ${expected.losses.join(', ')}`,
  )
}

/** ‖values − expected‖ / ‖expected‖ */
export function relativeDistance(values, expected) {
  return Math.hypot(...values.map((value, index) => value - expected[index])) / Math.hypot(...expected)
}
