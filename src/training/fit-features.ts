/** What a run of `fit` keeps of the features of a frozen encoder: of its training data, and of its validation data. */
import { checkBoolean, checkInteger, checkOptions } from '../common/checks'
import { loaderParts } from '../data/data-loader'
import { isDataset } from '../data/data-source'
import { isStable } from '../data/stable'
import { FeatureCache } from '../model/feature-cache'
import type { DataLoader } from '../data/data-loader'
import type { Dataset } from '../data/dataset'
import type { FeatureCacheUse } from '../model/feature-cache'
import type { ModelHandle } from '../model/handle'

/** Options of the feature cache. */
export interface FeatureCacheOptions {
  /** Bytes of features in memory; the rest is in a file of the system's temporary folder. Default 2³⁰ (1 GiB). */
  readonly limit?: number | undefined
}

/** Checked {@link FeatureCacheOptions}. */
export interface CheckedFeatureCache {
  readonly limit: number
  /** Of which datasets features are kept. */
  readonly of: 'none' | 'stable' | 'every'
}

const DEFAULT_LIMIT = 2 ** 30

export function checkFeatureCache(value: boolean | FeatureCacheOptions | undefined): CheckedFeatureCache {
  if (value === undefined) return { limit: DEFAULT_LIMIT, of: 'stable' }
  if (typeof value !== 'object') {
    return { limit: DEFAULT_LIMIT, of: checkBoolean(value, 'featureCache') ? 'every' : 'none' }
  }
  const { limit = DEFAULT_LIMIT } = checkOptions(value, 'featureCache', ['limit'])
  return { limit: checkInteger(limit, 'featureCache.limit', 0, Number.MAX_SAFE_INTEGER), of: 'every' }
}

/** One of the two passes of an epoch. */
type Pass = 'training' | 'evaluation'

/** The caches of one run. */
export class FitFeatures {
  readonly #handle: ModelHandle
  readonly #options: CheckedFeatureCache
  readonly #caches = new Map<Pass, FeatureCache>()
  /** Those that the epoch has used so far. */
  readonly #used = new Set<FeatureCache>()

  constructor(handle: ModelHandle, options: CheckedFeatureCache) {
    this.#handle = handle
    this.#options = options
  }

  /** Before a pass: the cache of its loader, where the model's encoder gives the same features at each of its steps. */
  async of(loader: DataLoader, pass: Pass): Promise<FeatureCache | undefined> {
    if (pass === 'training') this.#used.clear() //            an epoch begins
    if (this.#handle.frozenValues === 0) return undefined
    const { source, options } = loaderParts(loader)
    if (!isDataset(source) || options.augment !== undefined) return undefined
    const cache = this.#caches.get(pass) ?? this.#open(source)
    this.#caches.set(pass, cache)
    if (!(await cache.renew(pass))) return undefined
    this.#used.add(cache)
    return cache
  }

  /** What is kept of both loaders, and what was of use in this epoch; `undefined` where nothing is. */
  used(): FeatureCacheUse | undefined {
    const used = [...this.#used].map((cache) => cache.used()).filter((entry) => entry !== undefined)
    if (used.length === 0) return undefined
    const sum = (name: keyof FeatureCacheUse): number => used.reduce((total, entry) => total + entry[name], 0)
    return {
      clips: sum('clips'),
      bytes: sum('bytes'),
      spilled: sum('spilled'),
      hits: sum('hits'),
      misses: sum('misses'),
    }
  }

  /** Frees memory and files. Twice is fine. */
  release(): void {
    for (const cache of this.#caches.values()) cache.release()
    this.#caches.clear()
    this.#used.clear()
  }

  #open(source: Dataset): FeatureCache {
    const { limit, of } = this.#options
    if (of !== 'every' && !(of === 'stable' && isStable(source))) return FeatureCache.ofNothing(this.#handle)
    const [other] = [...this.#caches.values()].filter(({ isKeeping }) => isKeeping)
    return other?.beside() ?? FeatureCache.upTo(this.#handle, limit)
  }
}
