/** What samples are to be answered with: one target a sample on the way in, one array a batch on the way on. */
import { types } from 'node:util'
import { describe } from '../common/checks'
import { checkNdArray, elements, formatShape } from '../common/nd-array'
import { ZoetropeError } from '../errors'
import type { NdArray } from '../common/nd-array'

/** Whole numbers, such as class indices or lengths. */
export type IntegerArray =
  readonly number[] | Int32Array | Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array

/**
 * What a sample is to be answered with, by the model's head:
 *
 * | head | per clip | per frame |
 * |---|---|---|
 * | classification | index of the class | `[time]` class indices |
 * | multiLabel | `[labels]` of 0 and 1 | `[time, labels]` |
 * | regression | a number or `[outputs]` | `[time]` or `[time, outputs]` |
 */
export type Target = number | IntegerArray | Float32Array | Float64Array | NdArray

/** Numbers and how they are laid out. */
export interface TargetArray {
  /** Whole numbers where all are, else floats. */
  readonly data: Int32Array | Float32Array
  readonly shape: readonly number[]
}

const LARGEST_INTEGER = 2 ** 31

/** Checks one sample's target, or a whole dataset's, and copies it. `name` says whose it is. */
export function checkTargets(target: Target | undefined, name: string): { data: Float64Array; shape: number[] } {
  if (typeof target === 'number') return { data: Float64Array.of(checkFinite(target, name)), shape: [] }
  const { data, shape } = toArray(target, name)
  return { data: Float64Array.from(data, (value, index) => checkFinite(value, `${name}[${index}]`)), shape: [...shape] }
}

/** Whole numbers as `Int32Array`, others as `Float32Array`. */
export function compact(data: Float64Array): Int32Array | Float32Array {
  const isWhole = data.every((value) => Number.isInteger(value) && Math.abs(value) < LARGEST_INTEGER)
  return isWhole ? Int32Array.from(data) : Float32Array.from(data)
}

/** One sample's part in a batch of targets. */
interface Entry {
  readonly index: number
  /** Frames of the sample's input. */
  readonly frames: number
  readonly data: Float64Array
  readonly shape: readonly number[]
}

/** Puts targets side by side in one array, those with one number a frame padded with zeros. */
export class TargetCollator {
  readonly #entries: Entry[] = []

  /** Copies a sample's target to its place. `index` is the sample's place in the dataset, for messages. */
  set(position: number, index: number, target: Target | undefined, frames: number): void {
    this.#entries[position] = { index, frames, ...checkTargets(target, 'target') }
  }

  /** The first `count` targets: `[count, …]`. */
  finish(count: number): TargetArray {
    const entries = this.#entries.slice(0, count)
    const [first] = entries
    if (first === undefined) throw new RangeError('Expected at least one target')
    const longest = entries.reduce((most, entry) => (entry.data.length > most.data.length ? entry : most), first)
    for (const entry of entries) checkAgrees(first, entry)
    const size = elements(longest.shape)
    const data = new Float64Array(count * size)
    for (const [position, entry] of entries.entries()) data.set(entry.data, position * size)
    return { data: compact(data), shape: [count, ...longest.shape] }
  }
}

/** Targets of one shape; or each has an axis of its own clip's frames, and is one shape but for that. */
function checkAgrees(first: Entry, entry: Entry): void {
  const [a, b] = [first.shape, entry.shape]
  const isRest = a.length === b.length && b.every((size, axis) => axis === 0 || size === a[axis])
  const isPerFrame = a[0] === first.frames && b[0] === entry.frames
  if (isRest && (a[0] === b[0] || isPerFrame)) return
  throw new ZoetropeError(
    'ERR_SHAPE_MISMATCH',
    `Expected targets of one shape in a batch, or one a frame, received ${formatShape(a)} at index ${first.index} ` +
      `and ${formatShape(b)} at index ${entry.index}, whose clip has ${entry.frames} frames`,
    { expected: a, actual: b, indices: [first.index, entry.index] },
  )
}

function toArray(target: unknown, name: string): { data: ArrayLike<unknown>; shape: readonly number[] } {
  const isBig = types.isBigInt64Array(target) || types.isBigUint64Array(target)
  if (Array.isArray(target) || (types.isTypedArray(target) && !isBig)) return { data: target, shape: [target.length] }
  if (typeof target === 'object' && target !== null && 'data' in target && 'shape' in target) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checkNdArray checks it
    return checkNdArray(target as NdArray, name)
  }
  throw notNumbers(target, name)
}

function checkFinite(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw notNumbers(value, name, 'a finite number')
}

function notNumbers(value: unknown, name: string, expected = 'a number or an array of numbers'): ZoetropeError {
  const message = `Expected ${expected} for \`${name}\`, received ${describe(value)}`
  return new ZoetropeError('ERR_DATA', message, { actual: value })
}
