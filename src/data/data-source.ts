import { checkInteger, describe, typeError } from '../common/checks'
import { isDetached } from '../common/list'
import { checkNdArray } from '../common/nd-array'
import { dataError } from './data-error'
import { framesOf } from './shapes'
import { ZoetropeError } from '../errors'
import type { NdArray } from '../common/nd-array'
import type { Dataset, Sample } from './dataset'

/** Where samples come from: by index, or one after the other. */
export type DataSource = Dataset | AsyncIterable<Sample> | Iterable<Sample>

const EXPECTED_SOURCE = 'a dataset ({ length, get }), an array or an iterable of samples'

/** Checks a source; an array becomes a dataset. */
export function checkSource(source: DataSource | readonly Sample[]): DataSource {
  if (typeof source !== 'object' || source === null) throw typeError(EXPECTED_SOURCE, 'source', source)
  if (isArray(source)) return new ArrayDataset(source)
  if (isDetached(source)) throw typeError(EXPECTED_SOURCE, 'source', source)
  if (isDataset(source)) checkLength(source)
  else if (!isIterable(source)) throw typeError(EXPECTED_SOURCE, 'source', source)
  return source
}

/** How many samples a dataset has, as it says at this moment. */
export function checkLength({ length }: Dataset): number {
  return checkInteger(length, 'source.length', 0)
}

function isIterable(source: AsyncIterable<Sample> | Iterable<Sample>): boolean {
  const { [Symbol.asyncIterator]: isAsync, [Symbol.iterator]: isSync } = source as Partial<
    AsyncIterable<Sample> & Iterable<Sample>
  >
  return typeof isAsync === 'function' || typeof isSync === 'function'
}

/** Asks a dataset for a sample. A `get` that was a function when the dataset was checked may be none by now. */
export function askFor(dataset: Dataset, index: number): Sample | Promise<Sample> {
  const get: unknown = Reflect.get(dataset, 'get')
  if (isGet(get)) return Reflect.apply(get, dataset, [index])
  const message = `Expected a function as \`get\` of the dataset, received ${describe(get)}`
  throw new ZoetropeError('ERR_DATA', message, { index, actual: get })
}

function isGet(get: unknown): get is Dataset['get'] {
  return typeof get === 'function'
}

/** Whether samples can be asked for by index. */
export function isDataset(source: DataSource): source is Dataset {
  return 'get' in source && typeof source.get === 'function' && 'length' in source
}

/** `Array.isArray`, which does not narrow a readonly array. */
export function isArray(source: DataSource | readonly Sample[]): source is readonly Sample[] {
  return Array.isArray(source)
}

class ArrayDataset implements Dataset {
  readonly #samples: readonly Sample[]

  constructor(samples: readonly Sample[]) {
    this.#samples = samples
  }

  get length(): number {
    return this.#samples.length
  }

  get(index: number): Sample {
    const sample = this.#samples[index]
    if (sample === undefined) throw new RangeError('Expected a sample in the array, received undefined')
    return sample
  }

  lengthOf(index: number): number {
    try {
      return framesOf(checkNdArray(inputOf(this.get(index)), 'input').shape)
    } catch (cause) {
      throw dataError(index, cause)
    }
  }
}

/** Whether a dataset is an array of samples, which gives them at once. */
export function isListed(dataset: Dataset): boolean {
  return dataset instanceof ArrayDataset
}

/** The input of a sample, where the sample is one: whoever checks the input says what is wrong. */
function inputOf(sample: Partial<Sample> | null): NdArray {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checkNdArray checks it
  return sample?.input as NdArray
}

export function isPromise(value: Sample | Promise<Sample>): value is Promise<Sample> {
  return typeof value === 'object' && value !== null && 'then' in value
}
