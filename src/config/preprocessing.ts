/** How a model's inputs are made of files: stored with the model, so that it can read a file by itself. */
import {
  checkInteger,
  checkNumber,
  checkObject,
  checkOneOf,
  checkOptions,
  checkString,
  rangeError,
  typeError,
} from '../common/checks'

/** What a clip is to a model: frames, sound, rows of a table, or an array. */
export type ClipKind = 'frames' | 'sound' | 'table' | 'array'

/** How a frame of another shape becomes one of `size`. */
export type ResizeMode = 'fit' | 'fill' | 'stretch'

/** The filter that resizes. */
export type ResizeFilter = 'nearest' | 'box' | 'bilinear' | 'bicubic' | 'lanczos'

/** Which frames of a clip there are, and how many. */
export interface TimingPreprocessing {
  /** What `window` counts, and from and to of a manifest. */
  readonly unit: 'frames' | 'seconds'
  /** Frames or rows in a second of clips whose files do not say: frame folders, tables and arrays. */
  readonly rate: number | null
  /** Frames in a second that are taken; null for all. */
  readonly fps: number | null
  /** Every so manieth of these is taken. */
  readonly stride: number
  /** Frames of each sample, spread evenly over it; null for as many as there are. */
  readonly timeSteps: number | null
  /** The most frames of a sample. */
  readonly maxFrames: number | null
  /** The windows into which clips are cut. */
  readonly window: { readonly size: number; readonly step: number } | null
}

/** How frames are made. */
export interface FramesPreprocessing extends TimingPreprocessing {
  readonly kind: 'frames'
  readonly size: { readonly height: number; readonly width: number }
  readonly channels: 1 | 3
  /** Null refuses frames of another size. */
  readonly resize: ResizeMode | null
  readonly filter: ResizeFilter
}

/** How frames of sound are made. */
export interface SoundPreprocessing extends TimingPreprocessing {
  readonly kind: 'sound'
  /** Samples in a second that a recording must have. */
  readonly sampleRate: number
  /** Null: a frame is one sample of each channel. */
  readonly logMel: {
    readonly fftSize: number
    readonly hopLength: number
    readonly mels: number
    readonly minFrequency: number
    readonly maxFrequency: number
    readonly floor: number
  } | null
  /** Channels of a recording, where samples are taken as they are. */
  readonly channels: number
}

/** How rows become vectors. */
export interface TablePreprocessing extends TimingPreprocessing {
  readonly kind: 'table'
  /** The columns that are taken, by their names; by their numbers from 0 where the file has no header. */
  readonly columns: readonly string[]
  /** What stands for a value that is missing; null refuses it. */
  readonly missing: number | 'previous' | null
}

/** How an array is read. */
export interface ArrayPreprocessing extends TimingPreprocessing {
  readonly kind: 'array'
  /** The array's name in a .npz; null for the only one. */
  readonly array: string | null
  /** The shape of one step. */
  readonly step: readonly number[]
}

/** How a model's inputs are made of files. {@link FolderDataset.preprocessing} is one. */
export type Preprocessing = FramesPreprocessing | SoundPreprocessing | TablePreprocessing | ArrayPreprocessing

export const RESIZE_MODES: readonly ResizeMode[] = ['fit', 'fill', 'stretch']
export const RESIZE_FILTERS: readonly ResizeFilter[] = ['nearest', 'box', 'bilinear', 'bicubic', 'lanczos']

const TIMING_KEYS = ['unit', 'rate', 'fps', 'stride', 'timeSteps', 'maxFrames', 'window']
const KEYS: Readonly<Record<ClipKind, readonly string[]>> = {
  frames: ['kind', 'size', 'channels', 'resize', 'filter', ...TIMING_KEYS],
  sound: ['kind', 'sampleRate', 'logMel', 'channels', ...TIMING_KEYS],
  table: ['kind', 'columns', 'missing', ...TIMING_KEYS],
  array: ['kind', 'array', 'step', ...TIMING_KEYS],
}
const MEL_KEYS = ['fftSize', 'hopLength', 'mels', 'minFrequency', 'maxFrequency', 'floor']
const KINDS: readonly ClipKind[] = ['frames', 'sound', 'table', 'array']
/** The largest side of a frame, and the most frames. */
export const LARGEST_SIDE = 2 ** 14
export const MOST_FRAMES = 2 ** 24
const MOST_COLUMNS = 2 ** 16
const LARGEST_RATE = 1e6

/** Checks what came from a program or a file, and returns what it checked. */
export function checkPreprocessing(given: unknown, name = 'preprocessing'): Preprocessing {
  checkObject(given, name)
  const kind = checkOneOf(Reflect.get(given, 'kind'), `${name}.kind`, KINDS)
  const options: Record<string, unknown> = checkOptions({ ...given }, name, KEYS[kind])
  const timing = checkTiming(options, `${name}.`)
  switch (kind) {
    case 'frames':
      return { kind, ...timing, ...checkFrames(options, `${name}.`) }
    case 'sound':
      return { kind, ...timing, ...checkSound(options, `${name}.`) }
    case 'table':
      return { kind, ...timing, ...checkTable(options, `${name}.`) }
    case 'array':
      return { kind, ...timing, ...checkArray(options, `${name}.`) }
  }
}

/** Options of time as a user writes them, or as they are stored; `prefix` stands before their names in messages. */
export function checkTiming(options: Readonly<Record<string, unknown>>, prefix = ''): TimingPreprocessing {
  const optional = <T>(key: string, check: (value: unknown, name: string) => T): T | null => {
    const value = options[key]
    return value === undefined || value === null ? null : check(value, `${prefix}${key}`)
  }
  const unit = checkOneOf(options.unit ?? 'frames', `${prefix}unit`, ['frames', 'seconds'] as const)
  const timing = {
    unit,
    rate: optional('rate', checkRate),
    fps: optional('fps', checkRate),
    stride: optional('stride', checkCount) ?? 1,
    timeSteps: optional('timeSteps', checkCount),
    maxFrames: optional('maxFrames', checkCount),
    window: optional('window', (value, name) => checkWindow(value, name, unit)),
  }
  if (timing.timeSteps !== null && timing.maxFrames !== null) {
    throw rangeError('no number where `timeSteps` sets it', `${prefix}maxFrames`, timing.maxFrames)
  }
  return timing
}

export function checkSize(value: unknown, name: string): { height: number; width: number } {
  if (typeof value === 'number') {
    const side = checkInteger(value, name, 1, LARGEST_SIDE)
    return { height: side, width: side }
  }
  const size: { height?: unknown; width?: unknown } = checkOptions(asObject(value, name), name, ['height', 'width'])
  return {
    height: checkInteger(size.height, `${name}.height`, 1, LARGEST_SIDE),
    width: checkInteger(size.width, `${name}.width`, 1, LARGEST_SIDE),
  }
}

export function checkChannels(value: unknown, name: string): 1 | 3 {
  if (value === 1 || value === 3) return value
  if (typeof value !== 'number') throw typeError('1 (grey) or 3 (RGB)', name, value)
  throw rangeError('1 (grey) or 3 (RGB)', name, value)
}

export function checkColumns(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw typeError('an array of names', name, value)
  if (value.length === 0 || value.length > MOST_COLUMNS) throw rangeError(`1 to ${MOST_COLUMNS} names`, name, value)
  return Array.from<unknown, string>(value, (column, index) => checkString(column, `${name}[${index}]`))
}

export function checkMissing(value: unknown, name: string): number | 'previous' {
  if (value === 'previous') return value
  if (typeof value !== 'number') throw typeError("a number or 'previous'", name, value)
  if (!Number.isFinite(value)) throw rangeError("a finite number or 'previous'", name, value)
  return value
}

function checkFrames(
  options: Readonly<Record<string, unknown>>,
  prefix: string,
): Pick<FramesPreprocessing, 'size' | 'channels' | 'resize' | 'filter'> {
  return {
    size: checkSize(options.size, `${prefix}size`),
    channels: checkChannels(options.channels, `${prefix}channels`),
    resize: options.resize === null ? null : checkOneOf(options.resize, `${prefix}resize`, RESIZE_MODES),
    filter: checkOneOf(options.filter, `${prefix}filter`, RESIZE_FILTERS),
  }
}

function checkSound(
  options: Readonly<Record<string, unknown>>,
  prefix: string,
): Pick<SoundPreprocessing, 'sampleRate' | 'channels' | 'logMel'> {
  return {
    sampleRate: checkRate(options.sampleRate, `${prefix}sampleRate`),
    channels: checkInteger(options.channels, `${prefix}channels`, 1, MOST_COLUMNS),
    logMel: options.logMel === null ? null : checkMel(options.logMel, `${prefix}logMel`),
  }
}

function checkMel(value: unknown, name: string): SoundPreprocessing['logMel'] {
  const mel: Record<string, unknown> = checkOptions({ ...asObject(value, name) }, name, MEL_KEYS)
  return {
    fftSize: checkInteger(mel.fftSize, `${name}.fftSize`, 2),
    hopLength: checkInteger(mel.hopLength, `${name}.hopLength`, 1),
    mels: checkInteger(mel.mels, `${name}.mels`, 1),
    minFrequency: checkNumber(mel.minFrequency, `${name}.minFrequency`, 0),
    maxFrequency: checkNumber(mel.maxFrequency, `${name}.maxFrequency`, 0),
    floor: checkNumber(mel.floor, `${name}.floor`, 0),
  }
}

function checkTable(
  options: Readonly<Record<string, unknown>>,
  prefix: string,
): Pick<TablePreprocessing, 'columns' | 'missing'> {
  return {
    columns: checkColumns(options.columns, `${prefix}columns`),
    missing: options.missing === null ? null : checkMissing(options.missing, `${prefix}missing`),
  }
}

function checkArray(
  options: Readonly<Record<string, unknown>>,
  prefix: string,
): Pick<ArrayPreprocessing, 'array' | 'step'> {
  const { step } = options
  if (!Array.isArray(step)) throw typeError('an array of sizes', `${prefix}step`, step)
  if (step.length !== 1 && step.length !== 3) {
    throw rangeError('[features] or [channels, height, width]', `${prefix}step`, step)
  }
  return {
    array: options.array === null ? null : checkString(options.array, `${prefix}array`),
    step: Array.from<unknown, number>(step, (size, axis) => checkInteger(size, `${prefix}step[${axis}]`, 1)),
  }
}

function checkRate(value: unknown, name: string): number {
  const rate = checkNumber(value, name, 0)
  if (rate > 0 && rate <= LARGEST_RATE) return rate
  throw rangeError(`a number above 0, at most ${LARGEST_RATE},`, name, value)
}

function checkCount(value: unknown, name: string): number {
  return checkInteger(value, name, 1, MOST_FRAMES)
}

function checkWindow(value: unknown, name: string, unit: 'frames' | 'seconds'): { size: number; step: number } {
  const isObject = typeof value === 'object' && value !== null
  const window: { size?: unknown; step?: unknown } = isObject
    ? checkOptions({ ...value }, name, ['size', 'step'])
    : { size: value }
  const check = (part: unknown, partName: string): number => {
    if (unit === 'frames') return checkCount(part, partName)
    const seconds = checkNumber(part, partName, 0)
    if (seconds > 0) return seconds
    throw rangeError('a number above 0', partName, part)
  }
  const size = check(window.size, isObject ? `${name}.size` : name)
  return { size, step: window.step === undefined ? size : check(window.step, `${name}.step`) }
}

function asObject(value: unknown, name: string): object {
  checkObject(value, name)
  return value
}
