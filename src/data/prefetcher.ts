import { setImmediate } from 'node:timers/promises'

/** Says whether the consumer has left, so that a source can stop in the middle of its work. */
export type IsClosed = () => boolean

/**
 * Asks a source for items before they are needed, one after the other, up to a limit. Before each of these items the
 * event loop has a turn, so that a caller that waits for the previous item continues first.
 *
 * An error of the source comes at its own place in the order, after the items before it.
 */
export class Prefetcher<T> {
  readonly #source: AsyncIterator<T, void>
  readonly #capacity: number
  readonly #ahead: Promise<IteratorResult<T, void>>[] = []
  #last: Promise<unknown> = Promise.resolve()
  #isEnded = false

  /** @param capacity - How many items are made ahead; with 0 each is made when it is asked for. */
  constructor(source: (isClosed: IsClosed) => AsyncIterator<T, void>, capacity: number) {
    this.#source = source(() => this.#isEnded)
    this.#capacity = capacity
  }

  async next(): Promise<IteratorResult<T, void>> {
    const head = this.#ahead.shift() ?? this.#pull()
    while (this.#ahead.length < this.#capacity && !this.#isEnded) this.#ahead.push(this.#pull(setImmediate))
    return head
  }

  /** Ends the source, which may free what it holds. Resolves when it has; an item under way comes first. */
  async close(): Promise<void> {
    this.#isEnded = true
    await this.#last
    await this.#source.return?.()
  }

  #pull(pause?: () => Promise<void>): Promise<IteratorResult<T, void>> {
    const pulled = this.#last.then(async () => pause?.()).then(async () => this.#take())
    this.#last = pulled.catch(() => undefined) //     the error itself goes to whoever takes the item
    return pulled
  }

  async #take(): Promise<IteratorResult<T, void>> {
    if (this.#isEnded) return { done: true, value: undefined }
    try {
      const result = await this.#source.next()
      if (result.done === true) this.#isEnded = true
      return result
    } catch (error) {
      this.#isEnded = true
      throw error
    }
  }
}
