import { types } from 'node:util'
import { checkInteger, checkOneOf, checkOptions, describe, typeError } from '../common/checks'
import { checkLengths, timeOf } from './shapes'
import { listOf } from '../common/list'
import { checkNdArray } from '../common/nd-array'
import { TargetCollator, checkTargets, compact, crossingTargets } from './targets'
import { ZoetropeError, unwrap } from '../errors'
import { native } from '../native'
import type { NativeTensorDataset } from '../native'
import type { NdArray } from '../common/nd-array'
import type { IntegerArray, Target, TargetArray } from './targets'

/** One clip or image, and its target. */
export interface Sample {
  /**
   * `[channels, height, width]` or `[features]` (one frame), or `[time, channels, height, width]` or `[time, features]`.
   * Clips of one batch may have different numbers of frames.
   */
  readonly input: NdArray
  /**
   * Index of the class, from 0. Other heads need other targets, see {@link Target}; a forecast needs none. All samples of
   * a batch have a target, or none has.
   */
  readonly target?: Target | undefined
}

/** Samples that can be asked for in any order. */
export interface Dataset {
  /** How many samples there are. */
  readonly length: number
  /** The sample at `index`, from 0. A whole batch is asked for at once: promises of one batch run side by side. */
  get(index: number): Sample | Promise<Sample>
  /** The number of frames of the sample at `index`, known without reading the sample. `bucketByLength` needs it. */
  lengthOf?(index: number): number
}

/** Arrays of a {@link TensorDataset}. */
export interface TensorDatasetOptions {
  /**
   * `[samples, channels, height, width]` or `[samples, features]`, or the same with the time after the samples.
   */
  readonly inputs: NdArray
  /**
   * The class of each sample, `[samples]`: integers from 0. Other heads need other targets, see {@link Target}, with an
   * axis of samples in front. Label strings are an array for each sample: `[[3, 1, 4], [1, 5], []]`, or names of classes.
   * A forecast needs none.
   */
  readonly targets?:
    IntegerArray | Float32Array | Float64Array | NdArray | readonly (IntegerArray | readonly string[])[] | undefined
  /** The number of valid frames of each sample, `[samples]`. The frames after them are padding. Default all frames. */
  readonly lengths?: IntegerArray | undefined
  /**
   * What a target belongs to. `'frame'`: targets are `[samples, time, …]`, and `get` gives those of a clip's own frames.
   * `'clip'`: no axis is the time. Default unknown: nothing is guessed, `get` gives every target whole, and the head of
   * the model that trains decides. A model whose head says otherwise than this is refused with `ERR_DATA`.
   */
  readonly targetsPer?: 'clip' | 'frame' | undefined
}

const LARGEST_TARGET = 2 ** 31 - 1

let hasOwnNative: (dataset: Dataset) => boolean
let readNative: (dataset: TensorDataset) => NativeTensorDataset

/**
 * A dataset in native memory. Only indices cross to native code, which puts the batches together. The constructor copies
 * the arrays.
 *
 * @example
 * ```ts
 * import { TensorDataset } from 'zoetrope'
 *
 * // 4 clips of up to 6 frames. A frame is one channel of 8 × 8 pixels. The last clip has only 5 frames.
 * const dataset = new TensorDataset({
 *   inputs: { data: new Uint8Array(4 * 6 * 8 * 8), shape: [4, 6, 1, 8, 8] },
 *   targets: [0, 1, 0, 1],
 *   lengths: [6, 6, 6, 5],
 * })
 * console.log(dataset.length, dataset.get(3).input.shape)
 * ```
 */
export class TensorDataset implements Dataset {
  readonly #native: NativeTensorDataset
  readonly #lengths: Int32Array | null
  readonly #time: number
  /** The names that targets are numbers of, where they were given by name. */
  readonly #names: readonly string[] | undefined
  /** How many samples there are. */
  readonly length: number

  static {
    // oxlint-disable-next-line typescript/unbound-method -- it is compared, not called
    const { get: ownGet } = this.prototype
    hasOwnNative = (dataset) => #native in dataset && dataset.get === ownGet
    readNative = (dataset) => dataset.#native
  }

  /**
   * @throws {TypeError} For arrays of a wrong type, or an option that does not exist.
   * @throws {RangeError} For lengths that do not fit the clips.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` for shapes and lengths that do not agree, `ERR_DATA` for targets that
   * are no numbers, `ERR_NATIVE_LOAD`.
   */
  constructor(options: TensorDatasetOptions) {
    const arrays = checkOptions(options, 'options', ['inputs', 'targets', 'lengths', 'targetsPer'])
    const { data, shape } = checkNdArray(arrays.inputs, 'inputs')
    const targets = arrays.targets === undefined ? undefined : targetArray(checkIsArray(arrays.targets))
    this.#lengths = checkLengths(arrays.lengths, shape)
    this.#time = timeOf(shape)
    this.#names = targets?.names
    const crossing = targets === undefined ? null : crossingTargets(targets)
    const isPerFrame = checkPer(arrays.targetsPer)
    this.#native = unwrap(native().NativeTensorDataset.create(data, [...shape], this.#lengths, crossing, isPerFrame))
    this.length = this.#native.length
  }

  /**
   * A copy of the sample at `index`, for a look at it or a loop by hand: its own frames, and its target as it was given,
   * or with `targetsPer: 'frame'` the targets of those frames.
   */
  get(index: number): Sample {
    checkInteger(index, 'index', 0, this.length - 1)
    const { data, shape, targets, targetShape } = unwrap(this.#native.sample(index))
    if (targets === undefined) return { input: { data, shape } }
    return { input: { data, shape }, target: toTarget(targets, targetShape, this.#names) }
  }

  /** The number of frames of the sample at `index`. */
  lengthOf(index: number): number {
    return this.#lengths?.[checkInteger(index, 'index', 0, this.length - 1)] ?? this.#time
  }
}

function checkPer(per: TensorDatasetOptions['targetsPer']): boolean | null {
  return per === undefined ? null : checkOneOf(per, 'targetsPer', ['clip', 'frame']) === 'frame'
}

type Targets = NonNullable<TensorDatasetOptions['targets']>

function checkIsArray(targets: Targets): Targets {
  const isBig = types.isBigInt64Array(targets) || types.isBigUint64Array(targets)
  if (typeof targets === 'object' && targets !== null && !isBig) return targets
  throw typeError('an array of numbers or an NdArray', 'targets', targets)
}

/** One array of all targets: as it was given, or put together from an array for each sample. */
function targetArray(targets: Targets): TargetArray {
  const list = Array.isArray(targets) ? listOf(targets) : undefined
  if (list === undefined) return whole(targets)
  const entries = Array.from({ length: list.length }, (_, index) => list.at(index)) //   each is read once
  if (listOf(entries[0]) === undefined) return whole(entries)
  const collator = new TargetCollator()
  for (const [index, entry] of entries.entries()) collator.set(index, index, entry)
  return collator.finish(entries.length) ?? whole([])
}

function whole(targets: unknown): TargetArray {
  const { data, shape } = checkTargets(targets, 'targets')
  return { data: compact(data), shape }
}

/** A number, an array of numbers or names, or an array of several axes. */
function toTarget(targets: Float64Array, shape: readonly number[], names: readonly string[] | undefined): Target {
  if (names !== undefined) return Array.from(targets, (number) => names[number] ?? '')
  if (shape.length === 0) return targets[0] ?? 0
  return shape.length === 1 ? compact(targets) : { data: Float32Array.from(targets), shape }
}

/**
 * Whether a dataset's samples are just those in its native memory: a {@link TensorDataset}, unless it has a `get` of its
 * own, which may change them.
 */
export function isInMemory(dataset: Dataset): dataset is TensorDataset {
  return hasOwnNative(dataset)
}

/** The native memory of a dataset. */
export function nativeOf(dataset: TensorDataset): NativeTensorDataset {
  return readNative(dataset)
}

/** Checks the index of a class; `name` says whose it is. */
export function checkTarget(target: unknown, name: () => string): number {
  if (typeof target === 'number' && Number.isInteger(target) && target >= 0 && target <= LARGEST_TARGET) return target
  throw new ZoetropeError('ERR_DATA', `Expected the index of a class for ${name()}, received ${describe(target)}`, {
    actual: target,
  })
}
