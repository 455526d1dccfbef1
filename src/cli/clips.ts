/** Folders of clips as the commands open them. */
import { relative } from 'node:path'
import { ZoetropeError } from '../errors'
import { FolderDataset } from '../files/folder-dataset'
import { evenly } from '../pictures/clip'
import type { DataValues } from './options/train-options'
import type { Preprocessing } from '../config/preprocessing'
import type { FolderDatasetOptions } from '../files/options'

/** Frames are made smaller until their longer side is this: enough for what moves, and quick on a CPU. */
const LONGEST_SIDE = 96
/** Clips of frames that are longer are taken at some evenly spread moments. */
const LONG_CLIP = 64
const STEPS_OF_LONG_CLIP = 32
/** Clips of vectors that are longer are thinned. */
const MOST_VECTORS = 1000
/** Clips whose lengths are looked at, and videos that are opened for it. */
const MOST_MEASURED = 200
const MOST_LOOKED_UP = 2000

/** How a command opens a folder. */
export interface Opening {
  readonly signal: AbortSignal
  /** The classes of a model that is there already. */
  readonly classes?: readonly string[] | undefined
}

/** Opens a folder with options as they are. */
export async function openClips(path: string, values: DataValues, opening: Opening): Promise<FolderDataset> {
  return open(path, folderOptions(values), opening)
}

/** Opens a folder with the preprocessing that a model has. */
export async function openFor(preprocessing: Preprocessing, path: string, opening: Opening): Promise<FolderDataset> {
  const dataset = await open(path, optionsOf(preprocessing), opening)
  return dataset
}

async function open(path: string, options: FolderDatasetOptions, { signal, classes }: Opening): Promise<FolderDataset> {
  return FolderDataset.open(path, { ...options, ...(classes && { classes }), signal, print: false })
}

/**
 * What the user did not say: the size of frames from the first clip, and how many there are from the longest. Every value
 * that it gives is one that a user could have given.
 */
export async function lookUp(path: string, values: DataValues, opening: Opening): Promise<DataValues> {
  await using first = await open(path, { ...folderOptions(values), measure: false, cache: false }, opening)
  const found: DataValues = { ...values, ...frameValues(first.preprocessing, values) }
  if (values.timeSteps !== undefined || values.maxFrames !== undefined || values.window !== undefined) return found
  await using dataset = await open(path, { ...folderOptions(found), cache: false }, opening)
  if (dataset.targetKind === 'labels') return found //      a frame that is left out may be a label's only one
  const longest = await longestOf(dataset, opening.signal)
  if (dataset.kind === 'frames') return longest > LONG_CLIP ? { ...found, timeSteps: STEPS_OF_LONG_CLIP } : found
  if (longest <= MOST_VECTORS || values.stride !== undefined) return found
  return { ...found, stride: Math.ceil(longest / MOST_VECTORS) }
}

/** The frames of the longest of some clips. Of very many videos, which would have to be opened, it is taken to be long. */
async function longestOf(dataset: FolderDataset, signal: AbortSignal): Promise<number> {
  const some = evenly(dataset.length, MOST_MEASURED)
  if (!some.every((index) => knowsLength(dataset, index))) {
    if (dataset.length > MOST_LOOKED_UP) return Infinity
    await dataset.measure({ signal })
  }
  return Math.max(...some.map((index) => dataset.lengthOf(index)))
}

function knowsLength(dataset: FolderDataset, index: number): boolean {
  try {
    return dataset.lengthOf(index) > 0
  } catch {
    return false //                                       a video that was not opened yet
  }
}

function frameValues(preprocessing: Preprocessing, { size, channels, resize }: DataValues): DataValues {
  if (preprocessing.kind !== 'frames') return {}
  return {
    size: size ?? smaller(preprocessing.size),
    channels: channels ?? (preprocessing.channels === 1 ? '1' : '3'),
    resize: resize ?? preprocessing.resize ?? 'fill',
  }
}

function smaller({ height, width }: { readonly height: number; readonly width: number }): {
  height: number
  width: number
} {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(height, width))
  return { height: Math.max(1, Math.round(height * scale)), width: Math.max(1, Math.round(width * scale)) }
}

function folderOptions(values: DataValues): FolderDatasetOptions {
  const { kind } = values
  const { size, channels, resize, fps, stride, timeSteps, maxFrames, window, group, onError } = values
  const { sampleRate, mels, missing } = values
  const common = { fps, stride, timeSteps, maxFrames, window, group, onError }
  // Options of single kinds are handed on only where they were given: another kind refuses them.
  const own = {
    ...(size !== undefined && { size }),
    ...(channels !== undefined && { channels: channels === '1' ? 1 : 3 }),
    ...(resize !== undefined && { resize }),
    ...(sampleRate !== undefined && { sampleRate }),
    ...(mels !== undefined && { logMel: { mels } }),
    ...(missing !== undefined && { missing: missing === 'previous' ? missing : Number(missing) }),
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- options of another kind are refused
  return { ...common, ...own, ...(kind !== undefined && { kind }) } as FolderDatasetOptions
}

/** The options that make a folder's clips as `preprocessing` says. */
function optionsOf(preprocessing: Preprocessing): FolderDatasetOptions {
  const { unit, stride } = preprocessing
  const timing = { unit, stride, ...defined(preprocessing, ['rate', 'fps', 'timeSteps', 'maxFrames', 'window']) }
  switch (preprocessing.kind) {
    case 'frames': {
      const { kind, size, channels, filter } = preprocessing
      return { kind, ...timing, size, channels, filter, ...defined(preprocessing, ['resize']) }
    }
    case 'sound':
      return { kind: 'sound', ...timing, sampleRate: preprocessing.sampleRate, logMel: preprocessing.logMel ?? false }
    case 'table':
      return { kind: 'table', ...timing, columns: preprocessing.columns, ...defined(preprocessing, ['missing']) }
    case 'array':
      return { kind: 'array', ...timing, ...defined(preprocessing, ['array']) }
  }
}

/** Some properties, those that are null left out. */
function defined<T extends object, Key extends keyof T>(
  from: T,
  keys: readonly Key[],
): { [Name in Key]?: Exclude<T[Name], null> } {
  const entries = keys.flatMap((key) => (from[key] === null ? [] : [[key, from[key]] as const]))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, without nulls
  return Object.fromEntries(entries) as { [Name in Key]?: Exclude<T[Name], null> }
}

/** How often each class comes among all samples, or those of the indices; of strings each label counts. */
export function classCounts(dataset: FolderDataset, indices?: Iterable<number>): number[] {
  const { classes, targetKind, length } = dataset
  const counts = classes.map(() => 0)
  if (targetKind === 'numbers') return counts
  for (const index of indices ?? Array.from({ length }, (_, at) => at)) {
    const target = dataset.targetOf(index)
    for (const label of target instanceof Int32Array ? target : [target]) {
      if (typeof label === 'number') counts[label] = (counts[label] ?? 0) + 1
    }
  }
  return counts
}

/** Names of samples below the folder, for a report. */
export function namesOf(dataset: FolderDataset, root: string): (index: number) => string {
  return (index) => {
    const { path, window } = dataset.source(index)
    const part = window === undefined ? '' : ` from ${window.start}`
    return `${relative(root, path)}${part}`
  }
}

/** Refuses clips from which no classes can be learned, and says what to do. */
export function checkClasses(path: string, dataset: FolderDataset): void {
  const { classes, targetKind, length } = dataset
  if (targetKind === 'numbers') return
  if (targetKind === 'labels') {
    if (length > 1) return
    throw needed(path, 'at least two clips, to learn from and to choose by,', 'one', 'add clips')
  }
  if (classes.length === 1) {
    throw needed(
      path,
      'at least two classes',
      `one ('${classes[0]}')`,
      'put the clips of each class into a folder of its own below it',
    )
  }
  const few = classCounts(dataset).findIndex((count) => count < 2)
  if (few < 0) return
  const count = classCounts(dataset)[few] === 1 ? 'one' : 'none'
  throw needed(
    path,
    'at least two clips of each class, to learn from and to choose by,',
    `${count} of '${classes[few]}'`,
    'add clips, or take the folder away',
  )
}

function needed(path: string, expected: string, actual: string, remedy: string): ZoetropeError {
  const message = `Expected ${expected} in '${path}', received ${actual}: ${remedy}`
  return new ZoetropeError('ERR_DATA', message, { path, expected, actual })
}
