import { types } from 'node:util'
import { describe } from '../common/checks'
import { ZoetropeError } from '../errors'

/** The failure of a dataset, which keeps the dataset's own error as `cause`. */
export function dataError(index: number, cause: unknown): ZoetropeError {
  const reason = types.isNativeError(cause) ? cause.message : describe(cause) //       an error of any realm
  return new ZoetropeError('ERR_DATA', `The dataset failed at index ${index}: ${reason}`, { index }, { cause })
}
