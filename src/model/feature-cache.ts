/** Features of a frozen encoder, computed once for each clip of a dataset and kept in native memory. */
import { FactBook } from '../data/kept-features'
import { native } from '../native'
import type { KeptFeatures } from '../data/kept-features'
import type { NativeFeatures } from '../native'
import type { ModelHandle } from './handle'

/** The features that a run of `fit` keeps, and how often they were of use. */
export interface FeatureCacheUse {
  /** Clips whose features are kept. */
  readonly clips: number
  /** Bytes of these, in memory and in the file. */
  readonly bytes: number
  /** Bytes of these in the temporary file. */
  readonly spilled: number
  /** Clips of this epoch whose features were kept when they were needed: their frames were neither read nor encoded. */
  readonly hits: number
  /** Clips of this epoch that were encoded. */
  readonly misses: number
}

/** The features of one loader's samples by one model. */
export class FeatureCache implements KeptFeatures {
  readonly native: NativeFeatures
  readonly facts: FactBook | undefined
  readonly #handle: ModelHandle
  /** Counts before this pass. */
  #before = { hits: 0, misses: 0 }

  private constructor(handle: ModelHandle, features: NativeFeatures, isKeeping: boolean) {
    this.#handle = handle
    this.native = features
    this.facts = isKeeping ? new FactBook() : undefined
  }

  /** Keeps `limit` bytes in memory, and the rest in a temporary file. */
  static upTo(handle: ModelHandle, limit: number): FeatureCache {
    return new FeatureCache(handle, native().NativeFeatures.create(limit), true)
  }

  /** Keeps nothing. Features are computed as they would be for keeping: a run is the same to the bit with both. */
  static ofNothing(handle: ModelHandle): FeatureCache {
    return new FeatureCache(handle, native().NativeFeatures.create(null), false)
  }

  /** A cache of another dataset, within the same limit. */
  beside(): FeatureCache {
    return new FeatureCache(this.#handle, this.native.beside(), this.isKeeping)
  }

  get isKeeping(): boolean {
    return this.facts !== undefined
  }

  get version(): number {
    return this.#handle.frozenVersion
  }

  /** Before a pass: whether the model's encoder gives the same features at each of its steps. */
  async renew(pass: 'training' | 'evaluation'): Promise<boolean> {
    const { hits, misses } = this.native.used()
    this.#before = { hits, misses }
    const { version } = this
    return this.#handle.run((model) => this.native.renew(model, version, pass === 'training'))
  }

  /** What is kept, and what was of use in this pass; `undefined` of a cache that keeps nothing. */
  used(): FeatureCacheUse | undefined {
    if (!this.isKeeping) return undefined
    const { hits, misses, ...kept } = this.native.used()
    return { ...kept, hits: hits - this.#before.hits, misses: misses - this.#before.misses }
  }

  /** How it is doing, for a progress line. */
  note(): string | undefined {
    const used = this.used()
    return used && `features of ${used.hits}/${used.hits + used.misses} clips kept`
  }

  /** Frees memory and file. Twice is fine. */
  release(): void {
    this.native.release()
    this.facts?.clear()
  }
}
