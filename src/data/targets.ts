/** Targets: one for each sample when they come in, one array for each batch afterwards. */
import { describe } from '../common/checks'
import { copied, listOf } from '../common/list'
import { checkNdArray, elements, formatShape } from '../common/nd-array'
import { ZoetropeError } from '../errors'
import type { List } from '../common/list'
import type { NdArray } from '../common/nd-array'
import type { NativeTargets } from '../native'

/** Whole numbers, such as class indices or lengths. */
export type IntegerArray =
  readonly number[] | Int32Array | Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array

/**
 * The target of a sample. Its form depends on the model's head:
 *
 * | head | per clip | per frame |
 * |---|---|---|
 * | classification | index of the class | `[time]` class indices |
 * | multiLabel | `[labels]` of 0 and 1 | `[time, labels]` |
 * | regression | a number or `[outputs]` | `[time]` or `[time, outputs]` |
 * | ctc, sequence | a label string of any length: class indices or names of classes; `[]` for none | |
 * | forecast | none: the clip's own next steps; or `[horizon, …step]`, numbers as they are | |
 */
export type Target = number | IntegerArray | readonly string[] | Float32Array | Float64Array | NdArray

/** The targets of some samples, side by side. */
export interface TargetArray {
  /** Whole numbers where all are, else floats. */
  readonly data: Int32Array | Float32Array
  /** `[samples, …]`; targets of different lengths are padded with zeros to the longest. */
  readonly shape: readonly number[]
  /** How many of its own each sample has along the second axis; missing where all have as many. */
  readonly lengths?: Int32Array | undefined
  /** The names of classes that `data` are indices of, where targets are names. */
  readonly names?: readonly string[] | undefined
}

/** Targets as the native side takes them. */
export function crossingTargets({ data, shape, lengths, names }: TargetArray): NativeTargets {
  return { data, shape: [...shape], ...(lengths && { lengths }), ...(names && { names: [...names] }) }
}

/** Some targets that were checked and copied. */
interface CheckedTargets {
  readonly data: Float64Array
  readonly shape: number[]
  /** Whether `data` are numbers of names. */
  readonly isNamed: boolean
}

const LARGEST_INTEGER = 2 ** 31

/** Numbers names in the order in which they come. */
export class NameBook {
  readonly #numbers = new Map<string, number>()

  get names(): readonly string[] {
    return [...this.#numbers.keys()]
  }

  number(name: string): number {
    const number = this.#numbers.get(name) ?? this.#numbers.size
    this.#numbers.set(name, number)
    return number
  }
}

/**
 * Checks one sample's target, or a whole dataset's, and copies it. `name` says whose it is. Names are numbered by the
 * book; without a book there may be none.
 */
export function checkTargets(target: unknown, name: string, book?: NameBook): CheckedTargets {
  if (typeof target === 'number') {
    return { data: Float64Array.of(checkFinite(target, name)), shape: [], isNamed: false }
  }
  const { list, shape } = readTarget(target, name)
  let isNamed = false
  const data = copied(list, Float64Array, (value, index) => {
    if (index === 0) isNamed = book !== undefined && typeof value === 'string'
    return isNamed ? checkName(value, `${name}[${index}]`, book) : checkFinite(value, name, index)
  })
  return { data, shape, isNamed }
}

/** Whole numbers as `Int32Array`, others as `Float32Array`. */
export function compact(data: Float64Array): Int32Array | Float32Array {
  const isWhole = data.every((value) => Number.isInteger(value) && Math.abs(value) < LARGEST_INTEGER)
  return isWhole ? Int32Array.from(data) : Float32Array.from(data)
}

/** One sample's part in a batch of targets. */
interface Entry extends CheckedTargets {
  readonly index: number
}

/**
 * Puts targets side by side in one array. Targets that differ in their first axis alone are padded with zeros, and how
 * long each one is stays beside them: only the model's head knows whether that axis is the time or a string of labels.
 */
export class TargetCollator {
  readonly #entries: Entry[] = []
  /** The index of the first sample without a target. */
  #missing: number | undefined
  readonly #book = new NameBook()

  /** Copies a sample's target to its place. `index` is the sample's place in the dataset, for messages. */
  set(position: number, index: number, target: unknown): void {
    if (target === undefined) this.#missing ??= index
    else this.#entries[position] = { index, ...checkTargets(target, 'target', this.#book) }
  }

  /** The first `count` targets: `[count, …]`; `undefined` where no sample has one. */
  finish(count: number): TargetArray | undefined {
    const entries = this.#entries.slice(0, count)
    const first = entries.find((entry) => entry !== undefined)
    if (first === undefined) return undefined
    if (this.#missing !== undefined) throw missingTarget(this.#missing, first.index)
    checkAgree(first, entries)
    const longest = entries.reduce((most, entry) => (entry.data.length > most.data.length ? entry : most), first)
    const size = elements(longest.shape)
    const data = new Float64Array(count * size)
    for (const [position, entry] of entries.entries()) data.set(entry.data, position * size)
    const isRagged = entries.some(({ shape }) => shape[0] !== longest.shape[0])
    return {
      data: compact(data),
      shape: [count, ...longest.shape],
      ...(isRagged && { lengths: Int32Array.from(entries, ({ shape }) => shape[0] ?? 0) }),
      ...(entries.some(({ isNamed }) => isNamed) && { names: this.#book.names }),
    }
  }
}

/** Targets are of one shape but for the first axis, and all are names or none is. */
function checkAgree(first: Entry, entries: readonly Entry[]): void {
  const wrong = entries.find((entry) => !isShapeOf(first, entry))
  if (wrong !== undefined) {
    throw new ZoetropeError(
      'ERR_SHAPE_MISMATCH',
      `Expected targets of one shape in a batch, but for the first axis, received ${formatShape(first.shape)} at index ` +
        `${first.index} and ${formatShape(wrong.shape)} at index ${wrong.index}`,
      { expected: first.shape, actual: wrong.shape, indices: [first.index, wrong.index] },
    )
  }
  const filled = entries.filter(({ data }) => data.length > 0)
  const other = filled.find(({ isNamed }) => isNamed !== filled[0]?.isNamed)
  if (other === undefined) return
  const message = `Expected names or indices of classes as targets of a batch, received both (index ${other.index})`
  throw new ZoetropeError('ERR_DATA', message, { index: other.index })
}

/** Whether a target is of the first one's shape, but for the first axis. */
function isShapeOf({ shape: expected }: Entry, { shape }: Entry): boolean {
  return shape.length === expected.length && shape.every((size, axis) => axis === 0 || size === expected[axis])
}

function readTarget(target: unknown, name: string): { list: List; shape: number[] } {
  const list = listOf(target)
  if (list !== undefined) return { list, shape: [list.length] }
  if (typeof target === 'object' && target !== null && 'data' in target && 'shape' in target) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checkNdArray checks it
    const { data, shape } = checkNdArray(target as NdArray, name)
    return { list: { length: data.length, at: (index) => data[index] }, shape: [...shape] }
  }
  throw notNumbers(target, name)
}

function checkFinite(value: unknown, name: string, index?: number): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw notNumbers(value, index === undefined ? name : `${name}[${index}]`, 'a finite number')
}

function checkName(value: unknown, name: string, book: NameBook | undefined): number {
  if (typeof value === 'string' && book !== undefined) return book.number(value)
  throw notNumbers(value, name, 'the name of a class')
}

function missingTarget(index: number, other: number): ZoetropeError {
  const message = `Expected a target of every sample or of none, received one at index ${other} and none at index ${index}`
  return new ZoetropeError('ERR_DATA', message, { index })
}

function notNumbers(value: unknown, name: string, expected = 'a number or an array of numbers'): ZoetropeError {
  const message = `Expected ${expected} for \`${name}\`, received ${describe(value)}`
  return new ZoetropeError('ERR_DATA', message, { actual: value })
}
