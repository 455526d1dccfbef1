/** Targets: one for each sample when they come in, one array for each batch afterwards. */
import { describe } from '../common/checks'
import { copied, listOf } from '../common/list'
import { checkNdArray, elements, formatShape } from '../common/nd-array'
import { ZoetropeError } from '../errors'
import type { List } from '../common/list'
import type { NdArray } from '../common/nd-array'

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
  const { list, shape } = readTarget(target, name)
  return { data: copied(list, Float64Array, (value, index) => checkFinite(value, name, index)), shape }
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

/**
 * Puts targets side by side in one array. Targets that differ in their first axis alone, each as long there as its own
 * clip, are targets per frame, and are padded with zeros. Targets of one shape stay as they are: that an axis is as long
 * as a clip does not make it the time, and padding or cutting them could lose some.
 */
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
    checkAgree(first, entries)
    const longest = entries.reduce((most, entry) => (entry.data.length > most.data.length ? entry : most), first)
    const size = elements(longest.shape)
    const data = new Float64Array(count * size)
    for (const [position, entry] of entries.entries()) data.set(entry.data, position * size)
    return { data: compact(data), shape: [count, ...longest.shape] }
  }
}

/** Targets of one shape; or all of them have an axis of their own clip's frames, and are of one shape but for that. */
function checkAgree(first: Entry, entries: readonly Entry[]): void {
  const isSame = (entry: Entry): boolean => isShapeOf(first, entry) && entry.shape[0] === first.shape[0]
  if (entries.every(isSame)) return
  const follows = ({ shape, frames }: Entry): boolean => shape[0] === frames
  // The one that is named: of another shape, else one that does not follow its clip, be it the first itself.
  const wrong =
    entries.find((entry) => !isShapeOf(first, entry)) ??
    (follows(first) ? entries.find((entry) => !follows(entry)) : entries.find((entry) => !isSame(entry)))
  if (wrong === undefined) return
  throw new ZoetropeError(
    'ERR_SHAPE_MISMATCH',
    `Expected targets of one shape in a batch, or one a frame, received ${formatShape(first.shape)} at index ` +
      `${first.index} and ${formatShape(wrong.shape)} at index ${wrong.index}, whose clip has ${wrong.frames} frames`,
    { expected: first.shape, actual: wrong.shape, indices: [first.index, wrong.index] },
  )
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

function notNumbers(value: unknown, name: string, expected = 'a number or an array of numbers'): ZoetropeError {
  const message = `Expected ${expected} for \`${name}\`, received ${describe(value)}`
  return new ZoetropeError('ERR_DATA', message, { actual: value })
}
