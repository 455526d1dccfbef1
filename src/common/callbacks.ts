/** Callbacks of a user's that a synchronous call makes: nobody waits for what they give. */
import { reasonOf } from './checks'

/**
 * An async callback that rejects becomes a warning of the process (`ZOETROPE_CALLBACK`), not an unhandled rejection. To
 * be called with whatever the callback gave.
 */
export function warnOfRejection(result: unknown, name: string): void {
  settled(result).catch((error: unknown) => {
    process.emitWarning(`The promise that \`${name}\` gave was rejected: ${reasonOf(error)}`, {
      type: 'ZoetropeWarning',
      code: 'ZOETROPE_CALLBACK',
    })
  })
}

/** A promise where none belongs: the caller refuses it, and its rejection says nothing more. */
export function ignoreRejection(result: unknown): void {
  settled(result).catch(() => undefined)
}

/** What the callback gave as a promise; a `then` that throws is a rejection too. */
async function settled(result: unknown): Promise<unknown> {
  return result
}
