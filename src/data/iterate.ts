/** Samples of an iterable, one after the other; what is wrong with it is told with the index of the sample. */
import { describe, typeError } from '../common/checks'
import { dataError } from './data-error'
import { ZoetropeError } from '../errors'
import type { Sample } from './dataset'

type Samples = AsyncIterable<Sample> | Iterable<Sample>

/** Begins an iterable anew. */
export function begin(source: Samples): AsyncIterator<Sample> | Iterator<Sample> {
  let iterator: unknown
  try {
    iterator = Reflect.apply(opener(source), source, [])
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
    const { next }: { readonly next: unknown } = iterator
    if (!isFunction(next)) throw typeError('a function', 'next', next)
    result = await Reflect.apply(next, iterator, [])
  } catch (cause) {
    throw dataError(index, cause)
  }
  if (!isResult(result)) throw notThat('{ done, value }', "iterator's `next`", index, result)
  return result
}

/** Ends an iterator that has more, which may free what it holds. */
export async function end(iterator: AsyncIterator<Sample> | Iterator<Sample>): Promise<void> {
  const close: unknown = Reflect.get(iterator, 'return')
  if (isFunction(close)) await Reflect.apply(close, iterator, [])
}

/** The method that begins the iterable: it was there when the source was checked, and may be gone by now. */
function opener(source: Partial<AsyncIterable<Sample> & Iterable<Sample>>): () => unknown {
  const { [Symbol.asyncIterator]: openAsync } = source
  if (isFunction(openAsync)) return openAsync
  const { [Symbol.iterator]: openSync } = source
  if (isFunction(openSync)) return openSync
  throw typeError('an iterable of samples', 'source', source)
}

function isIterator(value: unknown): value is Iterator<Sample> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Iterator<Sample>>).next === 'function'
}

function isFunction(value: unknown): value is () => unknown {
  return typeof value === 'function'
}

function isResult(value: unknown): value is IteratorResult<Sample> {
  return typeof value === 'object' && value !== null
}

function notThat(expected: string, whose: string, index: number, value: unknown): ZoetropeError {
  const message = `Expected ${expected} from the ${whose} at index ${index}, received ${describe(value)}`
  return new ZoetropeError('ERR_DATA', message, { index, actual: value })
}
