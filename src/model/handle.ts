import { ZoetropeError, unwrap } from '../errors'
import { JobQueue } from './queue'
import type { Outcome } from '../errors'
import type { CheckedLoss } from './loss'
import type { NativeModel, NativePass } from '../native'

/** Jobs that the engine is given at a time: one runs, one is ready to follow it. Others wait in {@link JobQueue}. */
export const JOBS_IN_FLIGHT = 2

/** What the facade holds of a model: its native half, the way to its engine, and whether it still lives. */
export class ModelHandle {
  readonly #native: NativeModel
  readonly #queue = new JobQueue(JOBS_IN_FLIGHT)
  #disposal: Promise<void> | undefined
  #frozenValues = 0

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

  /** Number of values in frozen parameters. */
  get frozenValues(): number {
    return this.#frozenValues
  }

  /** Freezes or unfreezes the parameters whose names begin with the prefix; their names. */
  async setFrozen(prefix: string, isFrozen: boolean): Promise<string[]> {
    const { names, frozenValues } = await this.run((native) => native.setFrozen(prefix, isFrozen))
    this.#frozenValues = frozenValues
    return names
  }

  /** Has the engine drop what it keeps for an optimizer that is used no more. */
  forgetOptimizer(id: number): void {
    if (!this.isDisposed) this.#native.forgetOptimizer(id)
  }

  /** `loss` has the options of a training loss; a ranking is kept for `areas`. */
  beginPass(loss?: CheckedLoss, keepsRanking = false): NativePass {
    return this.native.beginPass(loss, keepsRanking)
  }

  /** Lets the running job end, refuses the waiting ones, and frees the native half. Twice is fine. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#release()
    return this.#disposal
  }

  async #release(): Promise<void> {
    this.#queue.refuseWaiting(disposed())
    unwrap(await this.#queue.run(() => this.#native.dispose()))
  }
}

function disposed(): ZoetropeError {
  return new ZoetropeError('ERR_DISPOSED', 'The model was disposed of; create or load another one')
}
