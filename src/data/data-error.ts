import { types } from 'node:util'
import { reasonOf } from '../common/checks'
import { ZoetropeError } from '../errors'

/** The failure of a dataset, which keeps the dataset's own error as `cause`, and the file that this names. */
export function dataError(index: number, cause: unknown): ZoetropeError {
  const message = `The dataset failed at index ${index}: ${reasonOf(cause)}`
  //                                      `instanceof` would ask a proxy, which may throw
  const path = types.isNativeError(cause) && cause instanceof ZoetropeError ? cause.details.path : undefined
  return new ZoetropeError('ERR_DATA', message, { index, ...(path !== undefined && { path }) }, { cause })
}
