/** How the workers in Node time what they do: sweeps over all batches, for a while. */
import { performance } from 'node:perf_hooks'

const WARM_UP_STEPS = 3
const FEWEST_SWEEPS = 3

/** Milliseconds of sweeps, for as long as `seconds`, after a warm-up. */
export async function sweeps(seconds, { warmUp: prepare, sweep }) {
  await prepare()
  const measured = []
  const began = performance.now()
  while (measured.length < FEWEST_SWEEPS || performance.now() - began < seconds * 1000) {
    const start = performance.now()
    await sweep()
    measured.push(performance.now() - start)
  }
  return measured
}

/** As many steps as the warm-up has, from the batches there are. */
export function warmUp(batches) {
  return Array.from({ length: WARM_UP_STEPS }, (_, step) => batches[step % batches.length])
}

/** Awaits `body` of each, one by one. */
export async function eachOf(items, body) {
  for (const item of items) await body(item)
}
