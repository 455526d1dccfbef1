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
  #end: { readonly reason: unknown } | undefined

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Ends the work as an abort does, for a reason of its own: a model that is disposed of. The first reason counts. */
  end(reason: unknown): void {
    if (this.isAborted) return
    this.#end = { reason }
    this.#onAbort()
  }

  get isAborted(): boolean {
    return this.#end !== undefined || this.#signal?.aborted === true
  }

  throwIfAborted(): void {
    if (this.isAborted) throw this.#reason
  }

  get #reason(): unknown {
    return this.#end === undefined ? this.#signal?.reason : this.#end.reason
  }

  onAbort(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Settles as the promise does, or rejects with the signal's reason as soon as it aborts. */
  async race<T>(work: T | PromiseLike<T>): Promise<Awaited<T>> {
    let listener: (() => void) | undefined
    const aborted = new Promise<never>((_, reject) => {
      listener = () => reject(this.#reason)
      this.#listeners.add(listener)
      if (this.isAborted) listener()
    })
    try {
      // The abort stands first: it wins over work that is done already. Both are listened to, so neither is unhandled.
      return await Promise.race([aborted, work])
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
  const isSignal =
    typeof signal?.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  if (isSignal) return signal
  throw typeError('an AbortSignal', name, signal)
}
