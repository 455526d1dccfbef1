import { types } from 'node:util'
import { checkInteger, checkOptions, describe, typeError } from './checks'
import { checkNdArray } from './nd-array'
import { ZoetropeError, unwrap } from './errors'
import { native } from './native'
import type { NativeBatch, NativeTensorDataset } from './native'
import type { NdArray } from './nd-array'

/** One clip or image and its class. */
export interface Sample {
  /** `[channels, height, width]` (one frame) or `[time, channels, height, width]`. */
  readonly input: NdArray
  /** Index of the class, from 0. */
  readonly target: number
}

/** Samples that can be asked for in any order. */
export interface Dataset {
  /** How many samples there are. */
  readonly length: number
  /** The sample at `index`, from 0. A whole batch is asked for at once: promises of one batch run side by side. */
  get(index: number): Sample | Promise<Sample>
}

/** Arrays of a {@link TensorDataset}. */
export interface TensorDatasetOptions {
  /** `[samples, channels, height, width]` or `[samples, time, channels, height, width]`. */
  readonly inputs: NdArray
  /** The class of each sample, `[samples]`: integers from 0. */
  readonly targets: readonly number[] | Int32Array | Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array
}

const LARGEST_TARGET = 2 ** 31 - 1

let readNative: (dataset: TensorDataset) => NativeTensorDataset

/**
 * A dataset in native memory: its batches cross as indices only, and are put together there. The arrays are copied when
 * it is constructed.
 */
export class TensorDataset implements Dataset {
  readonly #native: NativeTensorDataset
  /** How many samples there are. */
  readonly length: number

  static {
    readNative = (dataset) => dataset.#native
  }

  /**
   * @throws {TypeError} For arrays of a wrong type.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` for shapes and lengths that do not agree, `ERR_DATA` for targets that
   * are no class index, `ERR_NATIVE_LOAD`.
   */
  constructor(options: TensorDatasetOptions) {
    checkOptions(options, 'options', ['inputs', 'targets'])
    const { inputs, targets } = options
    const { data, shape } = checkNdArray(inputs, 'inputs')
    this.#native = unwrap(native().NativeTensorDataset.create(data, [...shape], toTargets(targets)))
    this.length = this.#native.length
  }

  /** A copy of the sample at `index`, for a look at it or a loop by hand. */
  get(index: number): Sample {
    checkInteger(index, 'index', 0, this.length - 1)
    const { data, shape, target } = unwrap(this.#native.sample(index))
    return { input: { data, shape }, target }
  }
}

/** The samples at `indices` as a native batch; only the indices cross. */
export function gather(dataset: TensorDataset, indices: Uint32Array): NativeBatch {
  return unwrap(readNative(dataset).batch(indices))
}

/** Checks the index of a class; `name` says whose it is. */
export function checkTarget(target: number | undefined, name: string): number {
  if (typeof target === 'number' && Number.isInteger(target) && target >= 0 && target <= LARGEST_TARGET) return target
  throw new ZoetropeError('ERR_DATA', `Expected the index of a class for ${name}, received ${describe(target)}`, {
    actual: target,
  })
}

function toTargets(targets: TensorDatasetOptions['targets']): Int32Array {
  const isBig = types.isBigInt64Array(targets) || types.isBigUint64Array(targets)
  if (isBig || !(Array.isArray(targets) || types.isTypedArray(targets))) {
    throw typeError('an array of integers or an Int32Array', 'targets', targets)
  }
  return Int32Array.from(targets, (target, index) => checkTarget(target, `\`targets[${index}]\``))
}
