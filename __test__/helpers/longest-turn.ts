/** How long the event loop is kept from its turns, in a measure that other programs do not change. */
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'

/**
 * The longest turn of the event loop while `work` runs, in milliseconds that this thread itself computed: time in which
 * the system ran other programs does not count.
 */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  const state = { isDone: false }
  const done = work().finally(() => (state.isDone = true))
  let [last, longest] = [computed(), 0]
  while (!state.isDone) {
    await turn()
    const now = computed()
    longest = Math.max(longest, now - last)
    last = now
  }
  await done
  return longest
}

/** Milliseconds that this thread has computed, as Linux counts them; it may be some late. */
function computed(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
}
