/** Waiting for what happens, instead of for a time in which it should have happened. */
import { setImmediate } from 'node:timers/promises'

/** So many turns of the event loop: enough for whatever is on its way to happen, however busy the machine is. */
export async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

/** Turns of the event loop, until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate()
}
