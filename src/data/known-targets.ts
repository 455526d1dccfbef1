/** Targets that a dataset has in memory: whoever only needs these need not read its samples. */
import type { Dataset } from './dataset'

interface Known {
  readonly get: Dataset['get']
  readonly targets: Int32Array
}

const known = new WeakMap<Dataset, Known>()

/** Says the classes of a dataset's samples, which are those that `get` gives. */
export function rememberTargets(dataset: Dataset, get: Dataset['get'], targets: Int32Array): void {
  known.set(dataset, { get, targets })
}

/** The classes of a dataset's samples, where they are known; not where it has another `get`, which may give others. */
export function knownTargets(dataset: Dataset): Int32Array | undefined {
  const entry = known.get(dataset)
  return entry !== undefined && entry.get === dataset.get ? entry.targets : undefined
}
