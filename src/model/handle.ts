import { ZoetropeError, unwrap } from '../errors'
import { JobQueue } from './queue'
import type { Outcome } from '../errors'
import type { CheckedLoss } from './loss'
import type { NativeModel, NativePass } from '../native'

/** Jobs that the engine is given at a time: one runs, one is ready to follow it. Others wait in {@link JobQueue}. */
export const JOBS_IN_FLIGHT = 2

/** The facade's handle of a model: its native half, its queue of jobs, and whether it still lives. */
export class ModelHandle {
  readonly #native: NativeModel
  readonly #queue = new JobQueue(JOBS_IN_FLIGHT)
  readonly #disposeListeners = new Set<(error: ZoetropeError) => void>()
  #disposal: Promise<void> | undefined
  #frozenValues = 0
  #weights: object = {}
  #frozenVersion = 0

  constructor(native: NativeModel) {
    this.#native = native
  }

  get isDisposed(): boolean {
    return this.#disposal !== undefined
  }

  /** The native half, while the model lives. */
  get native(): NativeModel {
    this.checkUsable()
    return this.#native
  }

  checkUsable(): void {
    if (this.isDisposed) throw disposed()
  }

  /** Runs a job on the engine, after those that were asked for before it. */
  async run<T>(job: (native: NativeModel) => Promise<Outcome<T>>): Promise<T> {
    const { native } = this
    return unwrap(await this.#queue.run(() => job(native)))
  }

  /** Stands for the weights as they are when the jobs asked for so far are done; after a change it is another one. */
  get weights(): object {
    return this.#weights
  }

  /** Says that a job that was just asked for changes the weights. */
  markChanged(): void {
    this.#weights = {}
  }

  /**
   * Counts the jobs asked for so far that may change a frozen parameter, or what is frozen. A step of training changes
   * neither.
   */
  get frozenVersion(): number {
    return this.#frozenVersion
  }

  /** As {@link ModelHandle.run}, for a job of several native calls, between which no other may come. */
  async runAlone<T>(job: (native: NativeModel) => Promise<Outcome<T>>): Promise<T> {
    const { native } = this
    return unwrap(await this.#queue.runAlone(() => job(native)))
  }

  /** Runs a job that changes the weights, or fails and leaves them as they were. */
  async change<T>(job: (native: NativeModel) => Promise<Outcome<T>>, isAlone = false): Promise<T> {
    const before = this.#weights
    const after = {}
    this.#weights = after
    this.#frozenVersion++
    try {
      return await (isAlone ? this.runAlone(job) : this.run(job))
    } catch (error) {
      if (this.#weights === after) this.#weights = before
      throw error
    }
  }

  /** Number of values in frozen parameters. */
  get frozenValues(): number {
    return this.#frozenValues
  }

  /** Freezes or unfreezes the parameters whose names begin with the prefix; their names. */
  async setFrozen(prefix: string, isFrozen: boolean): Promise<string[]> {
    this.#frozenVersion++
    const { names, frozenValues } = await this.run((native) => native.setFrozen(prefix, isFrozen))
    this.#frozenValues = frozenValues
    return names
  }

  /** Has the engine drop what it keeps for an optimizer that is used no more. */
  forgetOptimizer(id: number): void {
    if (!this.isDisposed) this.#native.forgetOptimizer(id)
  }

  /** Makes a call behind the jobs asked for so far; never, where the model is disposed of before. */
  async callBehind(call: (native: NativeModel) => void): Promise<void> {
    if (this.isDisposed) return
    const called = this.#queue.run(async () => call(this.#native))
    await called.catch((error: unknown) => {
      if (!this.isDisposed) throw error
    })
  }

  /** `loss` has the options of a training loss; a ranking is kept for `areas`. */
  beginPass(loss?: CheckedLoss, keepsRanking = false): NativePass {
    return this.native.beginPass(loss, keepsRanking)
  }

  /** Has the listener called when the model is disposed of; gives a function that takes that back. */
  onDispose(listener: (error: ZoetropeError) => void): () => void {
    this.#disposeListeners.add(listener)
    return () => this.#disposeListeners.delete(listener)
  }

  /** Lets the running job end, refuses the waiting ones, and frees the native half. Twice is fine. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#release()
    return this.#disposal
  }

  async #release(): Promise<void> {
    this.#queue.refuseWaiting(disposed())
    for (const listener of this.#disposeListeners) listener(disposed())
    unwrap(await this.#queue.run(() => this.#native.dispose()))
  }
}

function disposed(): ZoetropeError {
  return new ZoetropeError('ERR_DISPOSED', 'The model was disposed of; create or load another one')
}
