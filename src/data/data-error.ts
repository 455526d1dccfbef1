import { reasonOf } from '../common/checks'
import { ZoetropeError } from '../errors'

/** The failure of a dataset, which keeps the dataset's own error as `cause`. */
export function dataError(index: number, cause: unknown): ZoetropeError {
  const message = `The dataset failed at index ${index}: ${reasonOf(cause)}`
  return new ZoetropeError('ERR_DATA', message, { index }, { cause })
}
