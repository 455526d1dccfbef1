/** The classes of a model: their names, or their number. */
import { checkInteger, describe, rangeError, typeError } from '../common/checks'
import { LARGEST } from './sizes'
import type { HeadKind } from './head/kind'

/** The names of the classes, as the user gives them. */
export interface ClassOptions {
  readonly classes?: readonly string[] | undefined
  readonly numClasses?: number | undefined
}

/** The classes with every default filled in. */
export interface ClassConfig {
  /** Number of classes or labels; 0 for a regression or a forecast. */
  readonly numClasses: number
  /** `null` when the model was created by `numClasses`. */
  readonly classes: readonly string[] | null
}

export function checkClasses({ classes, numClasses }: ClassOptions, kind: HeadKind): ClassConfig {
  if (kind === 'regression' || kind === 'forecast') {
    const name = classes === undefined ? 'numClasses' : 'classes'
    const given = classes ?? numClasses
    if (given === undefined) return { classes: null, numClasses: 0 }
    const hint = kind === 'regression' ? '; `head.outputs` says how many numbers it gives' : ''
    throw new TypeError(`Expected no \`${name}\` for a ${kind}, received ${describe(given)}${hint}`)
  }
  if ((classes === undefined) === (numClasses === undefined)) {
    const came = classes === undefined ? 'neither' : 'both'
    throw new TypeError(`Expected exactly one of \`classes\` and \`numClasses\`, received ${came}`)
  }
  const fewest = kind === 'classification' ? 2 : 1
  if (numClasses !== undefined) {
    return { classes: null, numClasses: checkInteger(numClasses, 'numClasses', fewest, LARGEST) }
  }
  const names = checkNames(classes)
  if (names.length < fewest) throw rangeError(`at least ${fewest} names`, 'classes', names)
  return { classes: names, numClasses: names.length }
}

/** Half of a character, which no file in UTF-8 can hold. */
const LONE_SURROGATE = /\p{Surrogate}/u

function checkNames(classes: readonly string[] | undefined): readonly string[] {
  if (!Array.isArray(classes)) throw typeError('an array of names', 'classes', classes)
  if (classes.length > LARGEST) throw rangeError(`at most ${LARGEST} names`, 'classes', classes)
  const names = new Set<string>()
  for (const [index, name] of classes.entries()) {
    if (typeof name !== 'string') throw typeError('a string', `classes[${index}]`, name)
    if (name === '') throw rangeError('a name that is not empty', `classes[${index}]`, name)
    if (LONE_SURROGATE.test(name)) throw rangeError('well-formed Unicode', `classes[${index}]`, name)
    if (names.has(name)) throw rangeError('a name that occurs once', `classes[${index}]`, name)
    names.add(name)
  }
  return [...names]
}
