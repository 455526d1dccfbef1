/**
 * Runs at most `limit` jobs at a time; the others wait in the order in which they came.
 *
 * A model's engine thread takes two jobs: one that runs and one that is ready to follow it. Any number of callers can
 * share a model because they wait here, in JavaScript, and not on the native queue.
 */
export class JobQueue {
  readonly #limit: number
  readonly #waiting: { begin: () => void; refuse: (reason: Error) => void }[] = []
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs the job as soon as a place is free and settles as it does. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await job()
    } finally {
      this.#leave()
    }
  }

  /** Runs a job of several steps after all jobs before it, and all jobs after it later: it takes every place. */
  async runAlone<T>(job: () => Promise<T>): Promise<T> {
    const places = await Promise.allSettled(Array.from({ length: this.#limit }, async () => this.#enter()))
    try {
      const refused = places.find((place) => place.status === 'rejected')
      if (refused !== undefined) throw refused.reason
      return await job()
    } finally {
      for (const { status } of places) if (status === 'fulfilled') this.#leave()
    }
  }

  /** Rejects every job that has not begun. */
  refuseWaiting(reason: Error): void {
    for (const { refuse } of this.#waiting.splice(0)) refuse(reason)
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#limit) {
      this.#running++
      return
    }
    await new Promise<void>((begin, refuse) => this.#waiting.push({ begin, refuse }))
  }

  /** Gives the free place to the next waiting job, if there is one, so that no later job can take it. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next.begin()
  }
}
