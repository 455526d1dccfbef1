import { typeError } from './checks'

/**
 * Follows an `AbortSignal` through one piece of work. `reason` goes to the caller untouched, and the listener is
 * removed with `release()`, whichever way the work ends.
 */
export class AbortScope {
  readonly #signal: AbortSignal | undefined
  readonly #listeners = new Set<() => void>()
  readonly #onAbort = (): void => {
    for (const listener of this.#listeners) listener()
  }

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get isAborted(): boolean {
    return this.#signal?.aborted ?? false
  }

  throwIfAborted(): void {
    throwIfAborted(this.#signal)
  }

  onAbort(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Settles as the promise does, or rejects with the signal's reason as soon as it aborts. */
  async race<T>(work: T | PromiseLike<T>): Promise<Awaited<T>> {
    this.throwIfAborted()
    let listener: (() => void) | undefined
    const aborted = new Promise<never>((_, reject) => {
      listener = () => reject(this.#signal?.reason)
      this.#listeners.add(listener)
    })
    try {
      return await Promise.race([work, aborted])
    } finally {
      if (listener !== undefined) this.#listeners.delete(listener)
    }
  }

  release(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#listeners.clear()
  }
}

/** Throws the reason of a signal that is aborted. Signals of other makers may not have a method for it. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason
}

/** Checks an optional `AbortSignal`, of any realm. */
export function checkSignal(signal: AbortSignal | undefined, name: string): AbortSignal | undefined {
  if (signal === undefined) return undefined
  const isListened = typeof signal?.addEventListener === 'function' && typeof signal.removeEventListener === 'function'
  if (isListened && typeof signal.aborted === 'boolean') return signal
  throw typeError('an AbortSignal', name, signal)
}
