/** Clips in .npy and .npz files. */
import { extname } from 'node:path'
import { checkString } from '../common/checks'
import { elements, formatShape } from '../common/nd-array'
import { withFile } from '../data/readers/bytes'
import { fileError } from '../data/readers/file-error'
import { DEFAULT_MEMORY_LIMIT, findArray, readEntry, readNpzDirectory } from '../data/readers/npy'
import { readArray, readModelData } from '../data/readers/npy-array'
import { readNpyHeader } from '../data/readers/npy-header'
import { openEntry } from '../data/readers/zip'
import { takeRows } from './reader'
import { stepsOf } from './timing'
import type { NdArray } from '../common/nd-array'
import type { InputOptions } from '../config/input'
import type { ArrayPreprocessing, TimingPreprocessing } from '../config/preprocessing'
import type { OpenFile } from '../data/readers/bytes'
import type { NpyHeader } from '../data/readers/npy-header'
import type { ClipFile } from './form'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ClipLength } from './timing'

/** What the first clip says about all of them. */
export async function arrayPreprocessing(
  own: Readonly<Record<string, unknown>>,
  timing: TimingPreprocessing,
  first: ClipFile,
): Promise<ArrayPreprocessing> {
  const array = own.array === undefined ? null : checkString(own.array, 'array')
  const shape = await withFile(first.path, async (open) => shapeOf(open, array))
  return { kind: 'array', ...timing, array, step: shape.length === 3 ? shape : shape.slice(1) }
}

/** Reads arrays of `[time, features]`, `[time, channels, height, width]`, or one frame of `[channels, height, width]`. */
export class ArrayReader implements ClipReader {
  readonly preprocessing: ArrayPreprocessing
  readonly input: InputOptions
  readonly isWhole = true

  constructor(preprocessing: ArrayPreprocessing) {
    this.preprocessing = preprocessing
    const [first = 1, height, width] = preprocessing.step
    this.input = height === undefined || width === undefined ? { features: first } : { channels: first, height, width }
  }

  async measure(file: ClipFile): Promise<ClipLength> {
    const shape = await withFile(file.path, async (open) => shapeOf(open, this.preprocessing.array))
    return this.#length(this.#steps(file, this.#rows(file, shape)))
  }

  async read(file: ClipFile, choose: Choose): Promise<ReadClip> {
    const { data, shape } = await withFile(file.path, async (open) => readWhole(open, this.preprocessing.array))
    const rows = this.#rows(file, shape)
    const steps = this.#steps(file, rows)
    const length = this.#length(steps)
    const chosen = choose(length).map((step) => steps[step] ?? 0)
    return { array: takeRows({ data, shape: [rows, ...this.preprocessing.step] }, chosen), length }
  }

  #length({ length: steps }: Uint32Array): ClipLength {
    return { steps, rate: this.preprocessing.rate ?? undefined }
  }

  #steps({ path }: ClipFile, rows: number): Uint32Array {
    return stepsOf(path, rows, this.preprocessing.rate ?? undefined, this.preprocessing)
  }

  #rows({ path }: ClipFile, shape: readonly number[]): number {
    const { step } = this.preprocessing
    const hasTime = shape.length === step.length + 1
    const own = hasTime ? shape.slice(1) : shape
    if (own.length === step.length && own.every((size, axis) => size === step[axis]))
      return hasTime ? (shape[0] ?? 1) : 1
    throw fileError({ path }, `clips of shape [${['time', ...step].join(', ')}]`, formatShape(shape))
  }
}

async function shapeOf(file: OpenFile, name: string | null): Promise<readonly number[]> {
  const { header } = await openArray(file, name)
  return checkShape(file, header)
}

async function readWhole(file: OpenFile, name: string | null): Promise<NdArray> {
  const { header, values } = await openArray(file, name)
  const shape = checkShape(file, header)
  return { data: await values(), shape }
}

interface OpenArray {
  readonly header: NpyHeader
  readonly values: () => Promise<Float32Array | Uint8Array>
}

async function openArray(file: OpenFile, name: string | null): Promise<OpenArray> {
  if (extname(file.place.path).toLowerCase() === '.npy') {
    const header = await readNpyHeader(file)
    return {
      header,
      values: async () =>
        header.isFortranOrder
          ? (await readArray(file, header)).toNdArray().data
          : readModelData(file, header, header.offset, header.length * header.dtype.size),
    }
  }
  const entries = await readNpzDirectory(file)
  const only = entries.size === 1 ? [...entries.keys()][0] : undefined
  const wanted = name ?? only
  if (wanted === undefined) {
    const names = [...entries.keys()].slice(0, 20).join(', ')
    throw fileError(file.place, 'one array, or the name of one in `array`,', names || 'none')
  }
  const entry = findArray(file, entries, wanted)
  const header = await readNpyHeader(await openEntry(file, entry, DEFAULT_MEMORY_LIMIT))
  return { header, values: async () => (await readEntry(file, entry, DEFAULT_MEMORY_LIMIT)).toNdArray().data }
}

function checkShape({ place }: OpenFile, { shape, dtype }: NpyHeader): readonly number[] {
  const isClip = shape.length >= 2 && shape.length <= 4 && elements(shape) > 0
  if (dtype.name !== 'str' && isClip) return shape
  const expected = 'numbers of shape [time, features], [channels, height, width] or [time, channels, height, width]'
  throw fileError(place, expected, `${dtype.name} of shape ${formatShape(shape)}`)
}
