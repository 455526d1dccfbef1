import { types } from 'node:util'
import { unwrap } from '../errors'
import { native } from '../native'
import { checkNdArray } from '../common/nd-array'
import { checkObject, typeError } from '../common/checks'
import type { NativeNamedArray, NativeStateDict } from '../native'
import type { CheckedLoad, NamePairs } from './load-options'
import type { FloatArray, NdArray } from '../common/nd-array'

const EXPECTED = 'a path, a Map or an iterable of [name, NdArray]'

/** Axes of a shape that are looked at: more than any parameter has. */
const MOST_AXES = 64

/** Weights in native memory, and the part of a model that they are of; `null`: the whole model. */
export interface CopiedState {
  readonly weights: NativeStateDict
  readonly part: string | null
}

/**
 * Checks the entries of a state dict, names and `Float32Array` values, and copies them into native memory, by new names.
 * `own` are the names of the model's parameters.
 */
export function copyStateDict(
  state: Iterable<readonly [string, NdArray]>,
  load: CheckedLoad,
  own: readonly string[],
): CopiedState {
  const entries = Array.from(entriesOf(state), checkEntry)
  const names = entries.map(({ name }) => name)
  const part = load.partOf(names, own)
  const pairs = load.renames ? load.pair(names, part) : null
  const weights = unwrap(native().NativeStateDict.fromArrays(pairs === null ? entries : renamed(entries, pairs)))
  return { weights, part }
}

function renamed(entries: readonly NativeNamedArray[], pairs: NamePairs): NativeNamedArray[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  return pairs.flatMap(([name, own]) => {
    const entry = byName.get(name)
    return entry === undefined ? [] : [{ ...entry, name: own }]
  })
}

export function toStateDict(entries: readonly NativeNamedArray[]): Map<string, FloatArray> {
  return new Map(entries.map(({ name, data, shape }) => [name, { data, shape }]))
}

/** What an iterable gives, of whatever realm. An iterator that is none is refused in our words. */
function* entriesOf(state: Iterable<unknown>): Generator {
  // A typed array gives numbers, which are no entries, or throws in the engine's words when its buffer is detached.
  const isObject = typeof state === 'object' && state !== null && !types.isTypedArray(state)
  const open: unknown = isObject ? state[Symbol.iterator] : undefined
  if (typeof open !== 'function') throw typeError(EXPECTED, 'state', state)
  const iterator: unknown = Reflect.apply(open, state, [])
  checkObject(iterator, 'state[Symbol.iterator]()')
  const steps = { [Symbol.iterator]: () => ({ next: () => step(iterator), return: () => close(iterator) }) }
  yield* steps
}

function step(iterator: { next?: unknown }): IteratorResult<unknown> {
  const { next } = iterator
  if (typeof next !== 'function') throw typeError('an iterator', 'state[Symbol.iterator]()', iterator)
  const result: unknown = Reflect.apply(next, iterator, [])
  checkObject(result, 'state[Symbol.iterator]().next()')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- any object is a step, with or without a value
  return result as IteratorResult<unknown>
}

/** Ends an iterator in the middle, where it has something to end. */
function close(iterator: { return?: unknown }): IteratorResult<unknown> {
  const { return: end } = iterator
  if (typeof end === 'function') Reflect.apply(end, iterator, [])
  return { done: true, value: undefined }
}

/** Reads an entry once: what was checked is what is copied, also where a getter changes its answer. */
function checkEntry(entry: unknown): NativeNamedArray {
  if (!Array.isArray(entry)) throw typeError(EXPECTED, 'state', entry)
  const [name, array]: readonly unknown[] = entry
  if (typeof name !== 'string') throw typeError('a string as name of each entry', 'state', name)
  checkObject(array, name)
  const { data, shape } = array as NdArray // oxlint-disable-line typescript/no-unsafe-type-assertion -- checked below
  const sizes = Array.isArray(shape) ? firstSizes(shape) : shape
  checkNdArray({ data, shape: sizes }, name)
  if (!types.isFloat32Array(data)) throw typeError('a Float32Array', `${name}.data`, data)
  return { name, data, shape: [...sizes] }
}

/** A copy of a shape. One of more axes than any model has fits none, whatever its other axes are. */
function firstSizes(shape: readonly number[]): number[] {
  const axes = Math.min(shape.length, MOST_AXES)
  return Array.from({ length: axes }, (_, axis) => shape[axis] ?? Number.NaN)
}
