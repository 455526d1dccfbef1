import { constants } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { fileError } from './file-error'
import type { Place } from './file-error'

/** Bytes or values that are worked on in one turn of the event loop: less than a millisecond. */
export const PIECE = 2 ** 16

/**
 * Works through `length` things, `piece` of them at a time. The event loop has a turn between two pieces, so that work
 * of any length never keeps it from other work for long.
 */
export async function inPieces(
  length: number,
  work: (start: number, end: number) => void,
  piece: number = PIECE,
): Promise<void> {
  for (let start = 0; start < length; start += piece) {
    if (start > 0) await setImmediate()
    work(start, Math.min(start + piece, length))
  }
}

/** A typed array for what comes from a file; `ERR_DATA` where it would be larger than the memory there is. */
export function allocate<T>(
  place: Place,
  kind: { readonly BYTES_PER_ELEMENT: number; new (length: number): T },
  length: number,
): T {
  const bytes = length * kind.BYTES_PER_ELEMENT
  if (bytes > constants.MAX_LENGTH) {
    throw fileError(place, `at most ${constants.MAX_LENGTH} bytes of values at once`, `${bytes}`)
  }
  try {
    return new kind(length)
  } catch (cause) {
    throw fileError(place, `memory for ${bytes} bytes`, 'less', cause)
  }
}

/** Counts work of uneven parts, such as lines of text, and gives the event loop a turn when a piece of it is done. */
export class Pace {
  readonly #piece: number
  #done = 0

  constructor(piece: number) {
    this.#piece = piece
  }

  async spend(amount: number): Promise<void> {
    this.#done += amount
    if (this.#done < this.#piece) return
    this.#done = 0
    await setImmediate()
  }
}
