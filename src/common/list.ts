/** Arrays and typed arrays as they come from a program, of any realm. */
import { types } from 'node:util'
import { ZoetropeError } from '../errors'

/** Some values. Whoever checks them reads each once, so that what was checked is what is used. */
export interface List {
  readonly length: number
  at(index: number): unknown
}

type Getter = (this: unknown) => unknown

/** No array is longer. A proxy of one may say that it is, and its first missing entry shall be named. */
const LONGEST = 2 ** 32 - 1

const typedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype)

// oxlint-disable-next-line typescript/unbound-method -- it is called with `this`
const { values: typedValues } = Uint8Array.prototype

/** A typed array's own length, even where a property of the same name hides it. */
export const typedLength: (array: unknown) => number = intrinsic('length')
/** The name of a typed array's kind, such as `Float32Array`, in any realm. */
export const typedName: (array: unknown) => string = intrinsic(Symbol.toStringTag)

/** An array or a typed array of numbers as a {@link List}; `undefined` for anything else, 64-bit integers and arrays whose memory is gone included. */
export function listOf(value: unknown): List | undefined {
  if (Array.isArray(value)) {
    const { length } = value
    return { length: Math.min(length, LONGEST), at: (index): unknown => value[index] }
  }
  if (!isTypedNumbers(value) || isDetached(value)) return undefined
  return { length: typedLength(value), at: (index) => value[index] }
}

/** Whether a value is a typed array whose entries are numbers. */
export function isTypedNumbers(value: unknown): value is ArrayLike<number> {
  return types.isTypedArray(value) && !types.isBigInt64Array(value) && !types.isBigUint64Array(value)
}

/**
 * Whether a value is a typed array without memory: its buffer was transferred, to a worker for example, or has shrunk to
 * less than the array begins with. Its length is 0 then, which is not what anybody wants checked.
 */
export function isDetached(value: unknown): boolean {
  if (!types.isTypedArray(value) || typedLength(value) > 0) return false
  try {
    typedValues.call(value)
    return false
  } catch {
    return true
  }
}

/** The entries of a list, checked one by one, in a typed array that nobody else has. */
export function copied<T extends { [index: number]: number }>(
  list: List,
  empty: new (length: number) => T,
  check: (entry: unknown, index: number) => number,
): T {
  const copy = allocated(empty, list.length)
  for (let index = 0; index < list.length; index++) copy[index] = check(list.at(index), index)
  return copy
}

/** A new array of zeros; memory that is not there is an error of its own. */
export function allocated<T>(empty: new (length: number) => T, length: number): T {
  try {
    return new empty(length)
  } catch (cause) {
    const message = `Expected memory for an array of ${length} numbers, received none; make it smaller, or the batches`
    throw new ZoetropeError('ERR_OUT_OF_MEMORY', message, { length }, { cause })
  }
}

function intrinsic(key: 'length'): (array: unknown) => number
function intrinsic(key: typeof Symbol.toStringTag): (array: unknown) => string
function intrinsic(key: 'length' | typeof Symbol.toStringTag): (array: unknown) => unknown {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/unbound-method -- it is called with `this`
  const getter = Object.getOwnPropertyDescriptor(typedArrayPrototype, key)?.get as Getter
  return (array) => getter.call(array)
}
