/** Samples of an iterable, one after the other; what is wrong with it is told with the index of the sample. */
import { describe } from '../common/checks'
import { dataError } from './data-error'
import { ZoetropeError } from '../errors'
import type { Sample } from './dataset'

type Samples = AsyncIterable<Sample> | Iterable<Sample>

/** Begins an iterable anew. */
export function begin(source: Samples): AsyncIterator<Sample> | Iterator<Sample> {
  let iterator: unknown
  try {
    iterator = isAsync(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  } catch (cause) {
    throw dataError(0, cause)
  }
  if (isIterator(iterator)) return iterator
  throw notThat('an iterator with `next`', 'iterable', 0, iterator)
}

/** The next sample, which is at `index`. */
export async function pull(
  iterator: AsyncIterator<Sample> | Iterator<Sample>,
  index: number,
): Promise<IteratorResult<Sample>> {
  let result: unknown
  try {
    result = await iterator.next()
  } catch (cause) {
    throw dataError(index, cause)
  }
  if (!isResult(result)) throw notThat('{ done, value }', "iterator's `next`", index, result)
  return result
}

/** Ends an iterator that has more, which may free what it holds. */
export async function end(iterator: AsyncIterator<Sample> | Iterator<Sample>): Promise<void> {
  if (typeof iterator.return === 'function') await iterator.return()
}

function isAsync(source: Samples): source is AsyncIterable<Sample> {
  return Symbol.asyncIterator in source && typeof source[Symbol.asyncIterator] === 'function'
}

function isIterator(value: unknown): value is Iterator<Sample> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Iterator<Sample>>).next === 'function'
}

function isResult(value: unknown): value is IteratorResult<Sample> {
  return typeof value === 'object' && value !== null
}

function notThat(expected: string, whose: string, index: number, value: unknown): ZoetropeError {
  const message = `Expected ${expected} from the ${whose} at index ${index}, received ${describe(value)}`
  return new ZoetropeError('ERR_DATA', message, { index, actual: value })
}
