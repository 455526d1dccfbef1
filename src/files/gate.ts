/** Lets some pieces of work run at a time; the others wait for their turn, in order. */
export class Gate {
  #free: number
  readonly #waiting: (() => void)[] = []

  /** @param width - How many run at a time. */
  constructor(width: number) {
    this.#free = width
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
