/** Options of `FolderDataset.open`, and their check. */
import { checkSignal } from '../common/abort'
import {
  checkBoolean,
  checkCallback,
  checkInteger,
  checkObject,
  checkOneOf,
  checkOptions,
  checkPath,
  checkString,
  rangeError,
  typeError,
} from '../common/checks'
import { listOf } from '../common/list'
import { checkTiming } from '../config/preprocessing'
import type { ClipKind, ResizeFilter, ResizeMode, TimingPreprocessing } from '../config/preprocessing'
import type { LogMelOptions } from '../data/log-mel'
import type { ScanOptions } from '../data/scan'
import type { GroupRule } from './groups'

/** Options that every kind of clips has. */
export interface CommonFolderOptions extends ScanOptions {
  /**
   * The names of the classes, in order. A class folder or label that is not among them is refused. Default the names of
   * the class folders, or the labels of the manifest, in natural order.
   */
  readonly classes?: readonly string[] | undefined
  /**
   * What belongs together in a split, such as the recordings of one person or camera: the name in front of the first
   * `_` (`'prefix'`), the folder between the class and the clip (`'folder'`), each clip by itself (`'clip'`), or what a
   * function says of the path below the dataset's folder. Default the column `group` of a manifest, else the first of
   * these three that tells clips apart.
   */
  readonly group?: GroupRule | undefined
  /** What a window, and `from` and `to` of a manifest, count: source frames or seconds. Default `'frames'`. */
  readonly unit?: 'frames' | 'seconds' | undefined
  /** Frames or rows in a second of clips whose files do not say: frame folders, tables and arrays. Default unknown. */
  readonly rate?: number | undefined
  /** Frames in a second that are taken, by time stamps. Default all. */
  readonly fps?: number | undefined
  /** Takes every so manieth frame, after `fps`. Default 1. */
  readonly stride?: number | undefined
  /** Frames of each sample, spread evenly over the clip; frames of short clips are repeated. Default as many as there are. */
  readonly timeSteps?: number | undefined
  /** The most frames of a sample: the rest is left out. Default no limit. */
  readonly maxFrames?: number | undefined
  /**
   * Cuts each clip into windows of this size, each a sample, one beginning `step` after the other. Counted in `unit`;
   * frames are those after `fps` and `stride`. A rest that is shorter is left out; a clip that is shorter is one sample.
   * A number is a size; `step` defaults to the size. Default no windows.
   */
  readonly window?: number | { readonly size: number; readonly step?: number | undefined } | undefined
  /**
   * Whether the number of frames of every clip is looked up when the folder is opened, for `lengthOf`. Default true for
   * up to 10,000 clips that are no videos. Else `measure()` does it later; `bucketByLength` asks for it itself.
   */
  readonly measure?: boolean | undefined
  /**
   * What a clip that cannot be read does. `'throw'`: `get` rejects with `ERR_DATA`, which names the file. `'skip'`: the
   * clips are all read when the folder is opened, and those that cannot be are left out and listed in `skipped`. Default
   * `'throw'`.
   */
  readonly onError?: 'throw' | 'skip' | undefined
  /**
   * Where decoded clips are kept, so that the second epoch does not decode: bytes in memory, then bytes in a file in
   * `directory`. False keeps none. Default 1 GiB and 16 GiB in the system's temporary folder.
   */
  readonly cache?: boolean | CacheOptions | undefined
  /** Takes the description of what was found, once. Default `console.log`; false for none. */
  readonly print?: ((text: string) => unknown) | false | undefined
}

/** Where decoded clips are kept. */
export interface CacheOptions {
  /** Bytes in memory. Default 2³⁰ (1 GiB). */
  readonly memory?: number | undefined
  /** Bytes in a file. Default 2³⁴ (16 GiB). */
  readonly disk?: number | undefined
  /** The folder of that file, which the system removes with the process. Default the system's temporary folder. */
  readonly directory?: string | URL | undefined
}

/** Clips of frames: videos, folders of JPEG or PNG files, single images. */
export interface FrameFolderOptions extends CommonFolderOptions {
  readonly kind?: 'frames' | undefined
  /** Size of a frame in pixels; a number is a square. Default the size of the first clip, which all must have then. */
  readonly size?: number | { readonly height: number; readonly width: number } | undefined
  /** 1 for grey, 3 for RGB. Default those of the first clip. */
  readonly channels?: 1 | 3 | undefined
  /**
   * How a frame of another shape becomes one of `size`: the whole frame with black edges (`'fit'`), its middle
   * (`'fill'`), or distorted (`'stretch'`). Default `'fill'`.
   */
  readonly resize?: ResizeMode | undefined
  /** The filter that resizes, which also smooths when it makes smaller, as Pillow's. Default `'bilinear'`. */
  readonly filter?: ResizeFilter | undefined
}

/** Clips of sound: WAV, FLAC, MP3, Ogg Vorbis. */
export interface SoundFolderOptions extends CommonFolderOptions {
  readonly kind?: 'sound' | undefined
  /** Samples in a second, to which recordings of another rate are brought. Default that of the first recording. */
  readonly sampleRate?: number | undefined
  /**
   * Log-mel frames, as {@link logMel} makes them; false gives the samples themselves, `[time, channels]`. Default its
   * defaults at `sampleRate`.
   */
  readonly logMel?: Omit<LogMelOptions, 'sampleRate'> | boolean | undefined
}

/** Clips of rows: .csv and .tsv. */
export interface TableFolderOptions extends CommonFolderOptions {
  readonly kind?: 'table' | undefined
  /** The columns that are taken, by name, or by number from 0 where there is no header. Default all of the first file. */
  readonly columns?: readonly string[] | undefined
  /** What stands for a missing value: a number, or the value before it. Default a missing value is refused. */
  readonly missing?: number | 'previous' | undefined
}

/** Clips as arrays: .npy and .npz of `[time, features]` or `[time, channels, height, width]`. */
export interface ArrayFolderOptions extends CommonFolderOptions {
  readonly kind?: 'array' | undefined
  /** The array's name in a .npz. Default the only one there is. */
  readonly array?: string | undefined
}

/** Options of {@link FolderDataset.open}: those of the kind of clips that the folder has. */
export type FolderDatasetOptions = FrameFolderOptions | SoundFolderOptions | TableFolderOptions | ArrayFolderOptions

/** Checked options that every kind has. */
export interface CheckedFolderOptions {
  readonly kind: ClipKind | undefined
  readonly classes: readonly string[] | undefined
  readonly group: GroupRule | undefined
  readonly timing: TimingPreprocessing
  readonly measure: boolean | undefined
  readonly isSkipping: boolean
  readonly cache: CheckedCacheOptions | undefined
  readonly print: (text: string) => unknown
  readonly scanning: ScanOptions
  /** Options of single kinds, as given: the kind is known when the folder has been read. */
  readonly own: Readonly<Record<string, unknown>>
}

export interface CheckedCacheOptions {
  readonly memory: number
  readonly disk: number
  readonly directory: string | undefined
}

const KIND_KEYS: Readonly<Record<ClipKind, readonly string[]>> = {
  frames: ['size', 'channels', 'resize', 'filter'],
  sound: ['sampleRate', 'logMel'],
  table: ['columns', 'missing'],
  array: ['array'],
}
const TIMING_KEYS = ['unit', 'rate', 'fps', 'stride', 'timeSteps', 'maxFrames', 'window']
const COMMON_KEYS = ['kind', 'classes', 'group', ...TIMING_KEYS, 'measure', 'onError', 'cache', 'print'].concat([
  'signal',
  'onProgress',
])
const KINDS: readonly ClipKind[] = ['frames', 'sound', 'table', 'array']
const DEFAULT_MEMORY = 2 ** 30
const DEFAULT_DISK = 2 ** 34

export function checkFolderOptions(options: FolderDatasetOptions): CheckedFolderOptions {
  const kindKeys = KINDS.flatMap((kind) => KIND_KEYS[kind])
  checkObject(options, 'options')
  const given: CommonFolderOptions & { readonly kind?: unknown } & Readonly<Record<string, unknown>> = checkOptions(
    { ...options },
    'options',
    [...COMMON_KEYS, ...kindKeys],
  )
  const kind = given.kind === undefined ? undefined : checkOneOf(given.kind, 'kind', KINDS)
  const { onError = 'throw', measure } = given
  const own = Object.fromEntries(kindKeys.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]))
  if (kind !== undefined) checkOwn(own, kind)
  checkCallback(given.onProgress, 'onProgress')
  return {
    kind,
    classes: given.classes === undefined ? undefined : checkClasses(given.classes),
    group: given.group === undefined ? undefined : checkGroup(given.group),
    timing: checkTiming(given),
    measure: measure === undefined ? undefined : checkBoolean(measure, 'measure'),
    isSkipping: checkOneOf(onError, 'onError', ['throw', 'skip']) === 'skip',
    cache: checkCache(given.cache),
    print: checkPrint(given.print),
    scanning: { signal: checkSignal(given.signal, 'signal'), onProgress: given.onProgress },
    own,
  }
}

/** Refuses an option of another kind than the clips'. */
export function checkOwn(own: Readonly<Record<string, unknown>>, kind: ClipKind): void {
  for (const key of Object.keys(own)) {
    if (KIND_KEYS[kind].includes(key)) continue
    throw new TypeError(
      `Unknown option \`${key}\` of clips of the kind '${kind}'; it has ${KIND_KEYS[kind].join(', ')}`,
    )
  }
}

function checkClasses(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? listOf(value) : undefined
  if (list === undefined) throw typeError('an array of names', 'classes', value)
  const names = Array.from({ length: list.length }, (_, index) => checkString(list.at(index), `classes[${index}]`))
  if (names.length === 0) throw rangeError('at least one name', 'classes', value)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw rangeError('names that differ', 'classes', twice)
  return names
}

function checkGroup(value: GroupRule): GroupRule {
  return typeof value === 'function' ? value : checkOneOf(value, 'group', ['prefix', 'folder', 'clip'] as const)
}

function checkCache(value: boolean | CacheOptions | undefined = true): CheckedCacheOptions | undefined {
  if (value === false) return undefined
  const options = value === true ? {} : value
  if (typeof options !== 'object' || options === null) throw typeError('a boolean or an object', 'cache', value)
  const {
    memory = DEFAULT_MEMORY,
    disk = DEFAULT_DISK,
    directory,
  } = checkOptions(options, 'cache', ['memory', 'disk', 'directory'])
  return {
    memory: checkInteger(memory, 'cache.memory', 0, Number.MAX_SAFE_INTEGER),
    disk: checkInteger(disk, 'cache.disk', 0, Number.MAX_SAFE_INTEGER),
    directory: directory === undefined ? undefined : checkPath(directory, 'cache.directory'),
  }
}

function checkPrint(print: CommonFolderOptions['print']): (text: string) => unknown {
  if (print === false) return () => undefined
  // oxlint-disable-next-line no-console -- the description is printed once, unless it is asked not to be
  if (print === undefined) return console.log
  if (typeof print !== 'function') throw typeError('a function or false', 'print', print)
  return print
}
