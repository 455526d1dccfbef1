/** Weights that are kept in native memory, to be put back later. */
import { native } from '../native'
import type { ModelHandle } from './handle'
import type { NativeSnapshot } from '../native'

/** Parameters and buffers of a model as they were. */
export class Snapshot {
  readonly #handle: ModelHandle
  readonly #native: NativeSnapshot

  private constructor(handle: ModelHandle, snapshot: NativeSnapshot) {
    this.#handle = handle
    this.#native = snapshot
  }

  static async take(handle: ModelHandle): Promise<Snapshot> {
    return new Snapshot(handle, await handle.run((model) => native().NativeSnapshot.take(model)))
  }

  async restore(): Promise<void> {
    await this.#handle.change((model) => this.#native.restore(model, true))
  }

  /** Puts back what training changes; frozen parameters stay as they are. */
  async restoreTrainable(): Promise<void> {
    await this.#handle.change((model) => this.#native.restore(model, false))
  }

  /** Frees its memory. Twice is fine. */
  release(): void {
    this.#native.release()
  }
}
