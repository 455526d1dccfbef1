/** The mean and deviation with which inputs are normalised: options, and their check. */
import { checkOptions, rangeError, typeError } from '../common/checks'
import { isVector } from './input'
import type { InputOptions } from './input'

/**
 * Inputs become (value − mean) / std, for each channel of a frame or each feature of a vector. Bytes are scaled to 0…1
 * before. `normalization(trainSet)` computes both.
 */
export interface NormalizeOptions {
  /** One number for each channel or feature. */
  readonly mean: readonly number[]
  /** One number above 0 for each channel or feature. */
  readonly std: readonly number[]
}

export function checkNormalize(options: NormalizeOptions | null, input: InputOptions): NormalizeOptions | null {
  if (options === null) return null
  checkOptions(options, 'normalize', ['mean', 'std'])
  const count = isVector(input) ? input.features : input.channels
  return {
    mean: checkNumbers(options.mean, 'normalize.mean', count, -Infinity),
    std: checkNumbers(options.std, 'normalize.std', count, 0),
  }
}

function checkNumbers(values: readonly number[], name: string, count: number, above: number): number[] {
  if (!Array.isArray(values)) throw typeError('an array of numbers', name, values)
  if (values.length !== count) throw rangeError(`${count} numbers, one a channel or feature`, name, values)
  const expected = above === 0 ? 'a finite number above 0' : 'a finite number'
  return Array.from(values, (value: unknown, index) => {
    if (typeof value !== 'number') throw typeError(expected, `${name}[${index}]`, value)
    if (Number.isFinite(value) && value > above) return value
    throw rangeError(expected, `${name}[${index}]`, value)
  })
}
