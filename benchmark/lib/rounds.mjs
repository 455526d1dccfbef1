/** Interleaving: what disturbs the machine for a while disturbs every contender. */
import { runJob } from './worker.mjs'

/** Cores that other programs may keep busy while one is measured. */
const DISTURBED = 0.1

/**
 * Runs the job of each entry once a round, in a process of its own. Who begins changes from round to round.
 *
 * @param entries - `{ contender, job }`.
 * @returns The results of each entry, in the order of the rounds.
 */
export async function interleave(context, entries) {
  const results = entries.map(() => [])
  for (let round = 0; round < context.options.rounds; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const at = (turn + round) % entries.length
      const { contender, job } = entries[at]
      context.status(`round ${round + 1} of ${context.options.rounds}: ${contender.label}, ${job.task}`)
      results[at].push(await undisturbed(context, contender, job))
    }
  }
  context.status()
  return results
}

/** The result of a run that nobody disturbed; of several disturbed ones the least disturbed. */
async function undisturbed(context, contender, job) {
  let best
  for (let attempt = 0; attempt <= context.options.retries; attempt++) {
    const result = await runJob(context, contender, job)
    if (best === undefined || busy(result) < busy(best)) best = result
    if (busy(best) <= DISTURBED) break
  }
  context.runs.total += 1
  if (busy(best) > DISTURBED) context.runs.disturbed += 1
  return best
}

/** onnxruntime-node's worker leaves the measure out. */
const busy = ({ othersBusyCores = 0 }) => othersBusyCores
