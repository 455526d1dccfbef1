/** Datasets that give the same sample each time: what was computed of it once holds for every epoch. */
import { isInMemory } from './dataset'
import { origin } from './subset'
import type { Dataset } from './dataset'

/** The `get` by which each such dataset reads. */
const known = new WeakMap<Dataset, Dataset['get']>()

/** Says that `get` gives the same sample each time that it is asked for one. */
export function rememberStable(dataset: Dataset, get: Dataset['get']): void {
  known.set(dataset, get)
}

/**
 * Whether a dataset is known to give the same samples each time, also behind subsets: one of ours, unless it has a `get`
 * of its own. What a dataset of a user's does is not known.
 */
export function isStable(source: Dataset): boolean {
  const { dataset } = origin(source, 0)
  return isInMemory(dataset) || known.get(dataset) === dataset.get
}
