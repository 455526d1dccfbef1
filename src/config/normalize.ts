/** The mean and deviation with which inputs are normalised: options, and their check. */
import { checkOneOf, checkOptions, rangeError, typeError } from '../common/checks'
import { isVector } from './input'
import { LARGEST_FLOAT, SMALLEST_FLOAT } from './sizes'
import type { InputOptions } from './input'

/**
 * Inputs become (value − mean) / std, for each channel of a frame or each feature of a vector. Bytes are scaled to 0…1
 * before. `normalization(trainSet)` computes both.
 */
export interface NormalizeOptions {
  /** One number for each channel or feature. */
  readonly mean: readonly number[]
  /** One number for each channel or feature, at least 2 ** -126: the least that float32 holds with all its digits. */
  readonly std: readonly number[]
}

/** Mean and deviation of the photographs of ImageNet, with which torchvision's weights were trained: of red, green, blue. */
const IMAGENET: NormalizeOptions = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

export function checkNormalize(
  options: NormalizeOptions | 'imagenet' | null,
  input: InputOptions,
): NormalizeOptions | null {
  if (options === null) return null
  if (typeof options === 'string') return namedNormalize(options, input)
  options = checkOptions(options, 'normalize', ['mean', 'std'])
  const count = isVector(input) ? input.features : input.channels
  return {
    mean: checkNumbers(options.mean, 'normalize.mean', count, -LARGEST_FLOAT),
    std: checkNumbers(options.std, 'normalize.std', count, SMALLEST_FLOAT),
  }
}

function namedNormalize(given: string, input: InputOptions): NormalizeOptions {
  const name = checkOneOf(given, 'normalize', ['imagenet'])
  if (!isVector(input) && input.channels === 3) return IMAGENET
  throw rangeError(
    'the mean and std of each channel or feature where frames do not have 3 channels,',
    'normalize',
    name,
  )
}

/** The model computes in float32: it takes a mean and a deviation that are such numbers, and whose reciprocal is one. */
function checkNumbers(values: readonly number[], name: string, count: number, least: number): number[] {
  if (!Array.isArray(values)) throw typeError('an array of numbers', name, values)
  if (values.length !== count) throw rangeError(`${count} numbers, one a channel or feature`, name, values)
  const expected = least > 0 ? 'a finite number above 0' : 'a finite number'
  return Array.from(values, (value: unknown, index) => {
    if (typeof value !== 'number') throw typeError(expected, `${name}[${index}]`, value)
    if (!Number.isFinite(value) || (least > 0 && value <= 0)) throw rangeError(expected, `${name}[${index}]`, value)
    if (value >= least && value <= LARGEST_FLOAT) return value
    const range = `a number from ${least.toPrecision(3)} to ${LARGEST_FLOAT.toPrecision(3)}, as float32 holds them,`
    throw rangeError(range, `${name}[${index}]`, value)
  })
}
