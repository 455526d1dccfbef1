import type { EpochFigures } from '../evaluation/metric-names'

interface DoneEpoch {
  readonly figures: EpochFigures
  /** The optimizer's steps after it, unless the user has set them since. */
  readonly steps: number | undefined
}

/** The epochs of `fit` that an optimizer has done, so that a run that is taken up again goes on in its schedule. */
export class EpochMemory {
  readonly #epochs = new Map<number, DoneEpoch>()

  /** Keeps what epoch `number`, from 1, came to. Epochs behind it belong to an earlier run, and are forgotten. */
  record(number: number, epoch: DoneEpoch): void {
    for (const known of this.#epochs.keys()) if (known > number) this.#epochs.delete(known)
    this.#epochs.set(number, epoch)
  }

  /** Takes a user's word for the first epochs. */
  assume(history: readonly EpochFigures[]): void {
    for (const [index, figures] of history.entries())
      this.#epochs.set(index + 1, { figures, steps: this.stepsAfter(index + 1) })
  }

  /** The figures of the first `count` epochs, where all of them are known. */
  figures(count: number): EpochFigures[] | undefined {
    const found = Array.from({ length: count }, (_, index) => this.#epochs.get(index + 1)?.figures)
    return found.every((figures) => figures !== undefined) ? found : undefined
  }

  /** The optimizer's steps after so many epochs, where they are known. */
  stepsAfter(count: number): number | undefined {
    return this.#epochs.get(count)?.steps
  }

  /** The user has set the steps: what is known of them holds no longer. */
  forgetSteps(): void {
    for (const [number, { figures }] of this.#epochs) this.#epochs.set(number, { figures, steps: undefined })
  }
}
