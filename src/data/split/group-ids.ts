import { describe, rangeError, typeError } from '../../common/checks'
import { ignoreRejection } from '../../common/promise'
import { listOf } from '../../common/list'
import { ZoetropeError } from '../../errors'
import type { Sample } from '../dataset'

/** The name of a group. Samples of one recording, speaker or camera have the same name. 1 and '1' are two groups. */
export type GroupId = string | number | bigint | boolean

/**
 * The group of a sample: a function of the sample and its index, or the groups of all samples by index. Behind a
 * {@link Subset}, the index is that in the dataset at the bottom, so that one list serves the whole and its parts.
 */
export type GroupBy = ((sample: Sample, index: number) => GroupId) | readonly GroupId[]

/** Checks `by`, and returns what it checked; a list must have a group for each of `length` samples, and is copied. */
export function checkBy(by: GroupBy | undefined, length: number): GroupBy | undefined {
  if (by === undefined || typeof by === 'function') return by
  const list = Array.isArray(by) ? listOf(by) : undefined
  if (list === undefined) throw typeError('a function or an array of group ids', 'by', by)
  if (list.length !== length) throw rangeError(`one group id for each of ${length} samples`, 'by', by)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checkGroupId looks at those that are asked for
  return Array.from({ length }, (_, index) => list.at(index) as GroupId)
}

/** Checks the id that `by` gave for the sample at `index`. */
export function checkGroupId(id: unknown, index: number): GroupId {
  if (typeof id === 'string' || typeof id === 'bigint' || typeof id === 'boolean') return id
  if (typeof id === 'number' && !Number.isNaN(id)) return id
  ignoreRejection(id) //                                  of an async function, which cannot name groups
  const message = `Expected a string or number from \`by\` for the sample at index ${index}, received ${describe(id)}`
  throw new ZoetropeError('ERR_DATA', message, { index, actual: id })
}
