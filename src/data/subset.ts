import { checkInteger, rangeError, typeError } from '../common/checks'
import { checkSource, isArray, isDataset } from './data-source'
import type { Dataset, Sample } from './dataset'

/** Some samples of a dataset, by their indices. Nothing is copied. */
export class Subset implements Dataset {
  /** The dataset whose samples these are. */
  readonly dataset: Dataset
  /** The index in `dataset` of each sample. */
  readonly indices: Uint32Array
  /** How many samples there are. */
  readonly length: number

  /**
   * @param dataset - A dataset, or an array of samples.
   * @param indices - Which samples, in this order. An index may come more than once.
   * @throws {RangeError} For an index that `dataset` does not have.
   */
  constructor(dataset: Dataset | readonly Sample[], indices: ArrayLike<number>) {
    this.dataset = checkDataset(dataset, 'dataset')
    const isList = Array.isArray(indices) || (ArrayBuffer.isView(indices) && 'length' in indices)
    if (!isList) throw typeError('an array of integers', 'indices', indices)
    if (this.dataset.length === 0 && indices.length > 0)
      throw rangeError('no indices for no samples', 'indices', indices)
    const last = this.dataset.length - 1
    this.indices = Uint32Array.from(indices, (index, at) => checkInteger(index, `indices[${at}]`, 0, last))
    this.length = this.indices.length
  }

  /** The sample at `index` of these. */
  get(index: number): Sample | Promise<Sample> {
    checkInteger(index, 'index', 0, this.length - 1)
    return this.dataset.get(this.indices[index] ?? 0)
  }
}

/** An array is the same dataset wherever it is passed. */
const arrays = new WeakMap<readonly Sample[], Dataset>()

/** Checks a dataset that is passed as the argument `name`; an array becomes one. */
export function checkDataset(dataset: Dataset | readonly Sample[], name: string): Dataset {
  const expected = 'a dataset ({ length, get }) or an array of samples'
  if (typeof dataset !== 'object' || dataset === null) throw typeError(expected, name, dataset)
  if ('get' in dataset) {
    const source = checkSource(dataset)
    if (isDataset(source)) return source
  }
  if (!isArray(dataset)) throw typeError(expected, name, dataset)
  const source = arrays.get(dataset) ?? checkSource(dataset)
  if (!isDataset(source)) throw typeError(expected, name, dataset)
  arrays.set(dataset, source)
  return source
}

/** Where the sample lies at the bottom: a {@link Subset} is looked through, and so is one of a subset. */
export function origin(dataset: Dataset, index: number): { readonly dataset: Dataset; readonly index: number } {
  let [bottom, at] = [dataset, index]
  while (bottom instanceof Subset) [bottom, at] = [bottom.dataset, bottom.indices[at] ?? 0]
  return { dataset: bottom, index: at }
}
