/** The finest interleaving: processes that stay, and take turns sweep by sweep. What disturbs one sweep disturbs the next. */
import { setTimeout } from 'node:timers/promises'
import { openWorker } from './worker.mjs'

/** Threads of the one before have gone to sleep by then. */
const PAUSE_MS = 20
const FEWEST_TURNS = 3
/** Times as long as a section takes for a contender that runs in rounds: no process starts between the turns. */
const LONGER = 3

/**
 * Who begins changes from turn to turn.
 *
 * @param entries - `{ contender, job }`.
 * @returns Of each entry `{ sweepsMs, peakBytes }`: its sweeps in the order of the turns, and the most memory that its process
 *   ever held, where it says so.
 */
export async function takeTurns(context, entries) {
  const { rounds, seconds } = context.options
  const workers = []
  try {
    for (const { contender, job } of entries)
      workers.push(await openWorker(context, contender, { ...job, takesTurns: true }))
    const results = workers.map(() => ({ sweepsMs: [] }))
    const until = performance.now() + LONGER * rounds * seconds * workers.length * 1000
    for (let turn = 0; turn < FEWEST_TURNS || performance.now() < until; turn++) {
      context.status(`turn ${turn + 1}`)
      for (const place of workers.keys()) {
        const at = (place + turn) % workers.length
        await setTimeout(PAUSE_MS)
        const { ms, peakBytes } = await workers[at].turn()
        results[at].sweepsMs.push(ms)
        results[at].peakBytes = peakBytes
      }
    }
    return results
  } finally {
    for (const { close } of workers) close()
    context.status()
  }
}
