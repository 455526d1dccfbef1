/** The weights that an optimizer trains, while the model has their averages. */
import { native } from '../native'
import { Snapshot } from '../model/snapshot'
import type { ModelHandle } from '../model/handle'
import type { OptimizerHandle } from '../optimizer/optimizer'

const known = new WeakMap<OptimizerHandle, TrainedWeights>()

/**
 * The trained weights of runs with `ema`. They outlive a run: the next one with the same optimizer goes on from them,
 * as long as the model still has the weights with which the run before ended.
 */
export class TrainedWeights {
  readonly #handle: ModelHandle
  readonly #optimizer: number
  #snapshot: Snapshot | undefined
  /** What the model has while the snapshot is kept. */
  #shown: object | undefined

  private constructor(handle: ModelHandle, optimizer: number) {
    this.#handle = handle
    this.#optimizer = optimizer
  }

  /** Those of an optimizer; the same for each of its runs. */
  static of(handle: ModelHandle, optimizer: OptimizerHandle): TrainedWeights {
    const found = known.get(optimizer) ?? new TrainedWeights(handle, optimizer.id)
    known.set(optimizer, found)
    return found
  }

  /** Frees what is kept of an optimizer that now trains without averages. */
  static forget(optimizer: OptimizerHandle): void {
    const found = known.get(optimizer)
    if (found === undefined) return
    found.#release()
    known.delete(optimizer)
  }

  /**
   * Puts the trained weights into the model, to be trained on. A model that was given other weights meanwhile is trained
   * on from these, and the averages begin anew. Frozen parameters stay as they are in both cases.
   */
  async resume(): Promise<void> {
    if (this.#snapshot === undefined || this.#shown !== this.#handle.weights)
      await this.#handle.run((model) => native().dropAverages(model, this.#optimizer))
    else await this.#snapshot.restoreTrainable()
    this.#release()
  }

  /** Puts the averages into the model, and keeps the trained weights. Where they are kept already, nothing is to do. */
  async showAverages(): Promise<void> {
    if (this.#snapshot !== undefined) return
    await this.show(async () => this.#handle.change((model) => native().copyAverages(model, this.#optimizer)))
  }

  /** Keeps the trained weights, and has the model given others. */
  async show(change: () => Promise<void>): Promise<void> {
    this.#snapshot ??= await Snapshot.take(this.#handle)
    const changing = change()
    this.#shown = this.#handle.weights //              after this change, whatever is asked for while it runs
    await changing
  }

  #release(): void {
    this.#snapshot?.release()
    this.#snapshot = undefined
    this.#shown = undefined
  }
}
