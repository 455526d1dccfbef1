/** What the steps of a decoder read while it learns. */
import { checkNumber, rangeError, typeError } from '../common/checks'
import type { HeadKind } from '../config/head/kind'

/**
 * The share of a token sequence's steps that read the token of the target before them, from 0 to 1. The others read the
 * most probable token that the step before has written. A function gives the share of each update: `step` is the number
 * of updates that the optimizer has made before it.
 */
export type TeacherForcing = number | ((step: number) => number)

/** The checked share of an update; `undefined` for all steps. */
export type CheckedForcing = (step: number) => number | undefined

export function checkTeacherForcing(forcing: TeacherForcing | undefined, kind: HeadKind): CheckedForcing {
  if (forcing === undefined) return () => undefined
  if (kind !== 'sequence') throw rangeError(`nothing for a ${kind} head`, 'teacherForcing', forcing)
  if (typeof forcing === 'function') return (step) => checkShare(forcing(step), `teacherForcing(${step})`)
  const share = checkShare(forcing, 'teacherForcing')
  return () => share
}

function checkShare(share: unknown, name: string): number {
  if (typeof share !== 'number') throw typeError('a number from 0 to 1', name, share)
  if (checkNumber(share, name, 0) <= 1) return share
  throw rangeError('a number from 0 to 1', name, share)
}
