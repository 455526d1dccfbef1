import { checkInteger, rangeError, typeError } from '../common/checks'
import { copied, listOf } from '../common/list'
import { askFor, checkLength, checkSource, isArray, isDataset } from './data-source'
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
    const list = listOf(indices)
    if (list === undefined) throw typeError('an array of integers', 'indices', indices)
    const length = checkLength(this.dataset)
    if (length === 0 && list.length > 0) throw rangeError('no indices for no samples', 'indices', indices)
    this.indices = copied(list, Uint32Array, (index, at) => checkInteger(index, `indices[${at}]`, 0, length - 1))
    this.length = this.indices.length
  }

  /** The sample at `index` of these. */
  get(index: number): Sample | Promise<Sample> {
    checkInteger(index, 'index', 0, this.length - 1)
    return askFor(this.dataset, this.indices[index] ?? 0)
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

// oxlint-disable-next-line typescript/unbound-method -- it is compared, not called
const { get: ownGet } = Subset.prototype

/**
 * Where the sample lies at the bottom: a {@link Subset} is looked through, and so is one of a subset. One whose `get` is
 * not its own may change the samples, and is a dataset like any other.
 */
export function origin(dataset: Dataset, index: number): { readonly dataset: Dataset; readonly index: number } {
  let [bottom, at] = [dataset, index]
  while (bottom instanceof Subset && bottom.get === ownGet) {
    const below: number | undefined = bottom.indices[at]
    if (below === undefined) break //                     no such sample: `get` says so
    ;[bottom, at] = [bottom.dataset, below]
  }
  return { dataset: bottom, index: at }
}

/** The dataset that tells the number of frames of a sample, and the sample's index there; a {@link Subset} passes it on. */
export function lengthTeller(dataset: Dataset, index: number): { readonly dataset: Dataset; readonly index: number } {
  let [bottom, at] = [dataset, index]
  while (bottom.lengthOf === undefined && bottom instanceof Subset) {
    ;[bottom, at] = [bottom.dataset, bottom.indices[at] ?? 0]
  }
  return { dataset: bottom, index: at }
}
