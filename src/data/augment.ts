/** Random changes of training clips: their options, and the check of these. Native code makes the changes. */
import { checkBoolean, checkInteger, checkNumber, checkOptions, rangeError } from '../common/checks'

/**
 * Random changes of clips while a model trains. All are off by default. A change is the same for every frame of a clip,
 * except noise. The changes of a sample depend only on the loader's seed, the epoch and the sample's index, and are the
 * same on every machine.
 *
 * Amounts of light count in 0…1 for `Uint8Array` pixels, which stay bytes, and in the values' own units for
 * `Float32Array`. A vector of features counts as one column of pixels: `features` high, 1 wide.
 */
export interface AugmentOptions {
  /**
   * The smallest window, in pixels, that is cut out and scaled back (bilinearly) to the frame's size. Windows between it
   * and the whole frame are equally likely, at any place. Default none.
   */
  readonly crop?: { readonly height: number; readonly width: number } | undefined
  /** The furthest move in each direction, in whole pixels; the pixels at the edge are repeated. Default 0. */
  readonly shift?: number | { readonly x?: number | undefined; readonly y?: number | undefined } | undefined
  /** Probability of a mirrored clip: left for right. Default 0. */
  readonly flip?: number | { readonly horizontal?: number | undefined } | undefined
  /** The largest amount that is added to all values of a clip, or taken from them. Default 0. */
  readonly brightness?: number | undefined
  /** The largest share by which differences from the clip's mean grow or shrink. Default 0. */
  readonly contrast?: number | undefined
  /** Deviation of the noise that is added to each value by itself. Default 0. */
  readonly noise?: number | undefined
  /** The largest sides of a rectangle that is filled with the clip's mean, as a share of the frame's. Default 0. */
  readonly erase?: number | undefined
  /**
   * The largest share of the frames that is cut off, in [0, 1). The rest may begin at any frame for which there is room,
   * its first and last frames repeated (see `shorten`). Default 0.
   */
  readonly timeCrop?: number | undefined
  /**
   * The largest share by which a clip runs faster or slower, in [0, 1); frames are blended where they fall between two.
   * Slower, a part is shown; faster, the first and last frames are repeated (see `shorten`). Default 0.
   */
  readonly timeStretch?: number | undefined
  /** Probability of each frame but the first to be left out, in [0, 1): the one before it stands in (see `shorten`). Default 0. */
  readonly dropFrames?: number | undefined
  /**
   * Whether clips become shorter where `timeCrop`, a faster `timeStretch` or `dropFrames` leave fewer frames, for data
   * whose clips have different lengths. Else every clip keeps its length. Default false.
   */
  readonly shorten?: boolean | undefined
}

/** {@link AugmentOptions} as the native side takes them. */
export interface AugmentConfig {
  readonly crop: { readonly height: number; readonly width: number } | null
  readonly shift: { readonly x: number; readonly y: number }
  readonly flip: number
  readonly brightness: number
  readonly contrast: number
  readonly noise: number
  readonly erase: number
  readonly timeCrop: number
  readonly timeStretch: number
  readonly dropFrames: number
  readonly shorten: boolean
}

/** Beyond it changed values would leave float32. */
const LARGEST_AMOUNT = 2 ** 64

const KEYS = [
  'crop',
  'shift',
  'flip',
  'brightness',
  'contrast',
  'noise',
  'erase',
  'timeCrop',
  'timeStretch',
  'dropFrames',
  'shorten',
]

/** Checks what a user writes; `undefined` alone means none. */
export function checkAugment(given: AugmentOptions | undefined): AugmentConfig | undefined {
  if (given === undefined) return undefined
  const options = checkOptions(given, 'augment', KEYS)
  const amount = (name: 'brightness' | 'contrast' | 'noise'): number =>
    checkNumber(orElse(options[name], 0), `augment.${name}`, 0, LARGEST_AMOUNT)
  const share = (name: 'timeCrop' | 'timeStretch' | 'dropFrames'): number =>
    checkNumber(orElse(options[name], 0), `augment.${name}`, 0, 1)
  return {
    crop: checkCrop(options.crop),
    shift: checkShift(options.shift),
    flip: checkFlip(options.flip),
    brightness: amount('brightness'),
    contrast: amount('contrast'),
    noise: amount('noise'),
    erase: checkProbability(orElse(options.erase, 0), 'augment.erase'),
    timeCrop: share('timeCrop'),
    timeStretch: share('timeStretch'),
    dropFrames: share('dropFrames'),
    shorten: checkBoolean(orElse(options.shorten, false), 'augment.shorten'),
  }
}

/** The default where there is nothing: unlike `??`, it lets `null` through to the check. */
function orElse<T>(value: T | undefined, fallback: T): T {
  return value === undefined ? fallback : value
}

function checkCrop(crop: AugmentOptions['crop']): AugmentConfig['crop'] {
  if (crop === undefined) return null
  const { height, width } = checkOptions(crop, 'augment.crop', ['height', 'width'])
  return {
    height: checkInteger(height, 'augment.crop.height', 1),
    width: checkInteger(width, 'augment.crop.width', 1),
  }
}

function checkShift(shift: AugmentOptions['shift'] = 0): AugmentConfig['shift'] {
  if (typeof shift !== 'object') {
    const pixels = checkInteger(shift, 'augment.shift', 0)
    return { x: pixels, y: pixels }
  }
  const { x = 0, y = 0 } = checkOptions(shift, 'augment.shift', ['x', 'y'])
  return { x: checkInteger(x, 'augment.shift.x', 0), y: checkInteger(y, 'augment.shift.y', 0) }
}

function checkFlip(flip: AugmentOptions['flip'] = 0): number {
  if (typeof flip !== 'object') return checkProbability(flip, 'augment.flip')
  const { horizontal = 0 } = checkOptions(flip, 'augment.flip', ['horizontal'])
  return checkProbability(horizontal, 'augment.flip.horizontal')
}

function checkProbability(value: number, name: string): number {
  const probability = checkNumber(value, name, 0)
  if (probability <= 1) return probability
  throw rangeError('a number from 0 to 1', name, value)
}
