/** The finest interleaving: processes that stay, and take turns sweep by sweep. For ratios of a few hundredths. */
import { setTimeout } from 'node:timers/promises'
import { openWorker } from './worker.mjs'

/** Threads of the one before have gone to sleep by then. */
const PAUSE_MS = 20
const FEWEST_TURNS = 3
/** Times as long as another section takes for a contender: the bars lie a few hundredths from 1. */
const LONGER = 3

/**
 * Milliseconds of the sweeps of each entry, `{ contender, job }`, in the order of the turns.
 */
export async function takeTurns(context, entries) {
  const { rounds, seconds } = context.options
  const workers = []
  try {
    for (const { contender, job } of entries)
      workers.push(await openWorker(context, contender, { ...job, takesTurns: true }))
    const sweeps = workers.map(() => [])
    const until = performance.now() + LONGER * rounds * seconds * workers.length * 1000
    for (let turn = 0; turn < FEWEST_TURNS || performance.now() < until; turn++) {
      context.status(`turn ${turn + 1}`)
      for (const place of workers.keys()) {
        const at = (place + turn) % workers.length
        await setTimeout(PAUSE_MS)
        sweeps[at].push(await workers[at].turn())
      }
    }
    return sweeps
  } finally {
    for (const { close } of workers) close()
    context.status()
  }
}
