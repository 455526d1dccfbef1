/** Ctrl-C: the first one asks the run to stop, a second one ends the process at once. */

/** The exit status of a process that an interrupt ended. */
export const INTERRUPTED = 130

export class Interrupt {
  readonly #controller = new AbortController()
  readonly #onSignal = (): void => {
    if (this.#controller.signal.aborted) process.exit(INTERRUPTED)
    this.#tell()
    this.#controller.abort(new Error('interrupted'))
  }
  readonly #tell: () => void

  /** @param tell - Says that the run stops. */
  constructor(tell: () => void) {
    this.#tell = tell
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The same as Ctrl-C, once. */
  stop(): void {
    if (!this.signal.aborted) this.#onSignal()
  }

  release(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#onSignal)
  }
}
