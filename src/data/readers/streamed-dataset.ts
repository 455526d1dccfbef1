import { checkPath, checkInteger, checkOptions, typeError } from '../../common/checks'
import { checkTarget } from '../dataset'
import { rememberTargets } from '../known-targets'
import { rememberStable } from '../stable'
import { ZoetropeError } from '../../errors'
import { copied, listOf } from '../../common/list'
import { formatShape } from '../../common/nd-array'
import { OpenFile } from './bytes'
import { fileError } from './file-error'
import { checkMemoryLimit, findArray, readEntry, readNpy, readNpzDirectory } from './npy'
import { readModelData } from './npy-array'
import { readNpyHeader } from './npy-header'
import { openEntry } from './zip'
import type { Dataset, Sample } from '../dataset'
import type { IntegerArray } from '../targets'
import type { ByteSource } from './bytes'
import type { DtypeName } from './dtype'
import type { NpyHeader } from './npy-header'

/** Options of {@link NpzDataset.open}. */
export interface NpzDatasetOptions {
  /** Name of the array of clips, `[samples, …]`. */
  readonly inputs: string
  /** Name of the array of their classes, `[samples]`. */
  readonly targets: string
  /** The most bytes that one deflated array is unpacked to. Default 2³¹ (2 GiB). */
  readonly memoryLimit?: number | undefined
}

/** Options of {@link NpyDataset.open}. */
export interface NpyDatasetOptions {
  /** The class of each sample: a .npy file, or the classes themselves. */
  readonly targets: string | URL | IntegerArray
}

/** Samples that lie side by side somewhere, and their classes. */
interface Contents {
  readonly source: ByteSource
  readonly header: NpyHeader
  readonly targets: Int32Array
  /** The file to close, while samples come from it. */
  readonly file: OpenFile | undefined
}

/**
 * The common part of {@link NpyDataset} and {@link NpzDataset}. Clips stay on disk, and {@link StreamedDataset.get}
 * reads one of them. Their classes are in memory.
 */
export abstract class StreamedDataset implements Dataset {
  readonly #contents: Contents
  readonly #bytes: number
  #closing: Promise<void> | undefined
  /** How many samples there are. */
  readonly length: number
  /** The shape of one sample. */
  readonly sampleShape: readonly number[]
  /** NumPy's name of the type in the file. Samples are `Uint8Array` for uint8, else `Float32Array`. */
  readonly dtype: DtypeName
  /** The class of each sample. */
  readonly targets: Int32Array

  /** @internal */
  protected constructor(contents: Contents) {
    const { header, targets } = contents
    const [length = 0, ...sampleShape] = header.shape
    this.#contents = contents
    this.#bytes = sampleShape.reduce((product, size) => product * size, header.dtype.size)
    this.length = length
    this.sampleShape = sampleShape
    this.dtype = header.dtype.name
    this.targets = targets
    // oxlint-disable-next-line typescript/unbound-method -- it is compared, not called
    rememberTargets(this, StreamedDataset.prototype.get, targets)
    // oxlint-disable-next-line typescript/unbound-method -- as above
    rememberStable(this, StreamedDataset.prototype.get)
  }

  /**
   * Reads the sample at `index`, and nothing else.
   *
   * @throws {ZoetropeError} `ERR_DISPOSED` after `close()`, `ERR_DATA` when the file has become shorter.
   */
  async get(index: number): Promise<Sample & { readonly target: number }> {
    checkInteger(index, 'index', 0, this.length - 1)
    const { source, header } = this.#contents
    if (this.#closing !== undefined) {
      throw new ZoetropeError('ERR_DISPOSED', `The dataset of '${source.place.path}' is closed`)
    }
    const data = await readModelData(source, header, header.offset + index * this.#bytes, this.#bytes)
    return { input: { data, shape: this.sampleShape }, target: this.targets[index] ?? 0 }
  }

  /** Lets go of the file after the reads under way. Twice is fine. */
  async close(): Promise<void> {
    this.#closing ??= this.#contents.file?.close() ?? Promise.resolve()
    await this.#closing
  }

  /** The end of an `await using` block: the same as {@link StreamedDataset.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Clips in a .npy file, `[samples, …]`, read one at a time as they are asked for. */
export class NpyDataset extends StreamedDataset {
  /**
   * @param path - The clips: uint8, or numbers that become float32; row-major.
   * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, is malformed or column-major, and for targets
   * that are no class index; `ERR_SHAPE_MISMATCH` for more or fewer targets than clips.
   */
  static async open(path: string | URL, options: NpyDatasetOptions): Promise<NpyDataset> {
    options = checkOptions(options, 'options', ['targets'])
    const [clips, targets] = [checkPath(path), await toTargets(options.targets)]
    return openFor(clips, async (file) => {
      const header = checkClips(file, await readNpyHeader(file), targets)
      return { isFileKept: true, dataset: new NpyDataset({ source: file, header, targets, file }) }
    })
  }
}

/**
 * Clips in a .npz file, `[samples, …]`. What `np.savez` wrote is read one clip at a time from disk, without comparing
 * its checksum; what `np.savez_compressed` wrote is unpacked into memory once, as far as `memoryLimit`.
 */
export class NpzDataset extends StreamedDataset {
  /**
   * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, is malformed or column-major, has no array of
   * that name or one that unpacks to more than `memoryLimit`, and for targets that are no class index;
   * `ERR_SHAPE_MISMATCH` for more or fewer targets than clips.
   */
  static async open(path: string | URL, options: NpzDatasetOptions): Promise<NpzDataset> {
    options = checkOptions(options, 'options', ['inputs', 'targets', 'memoryLimit'])
    const [inputsName, targetsName] = [checkName(options.inputs, 'inputs'), checkName(options.targets, 'targets')]
    const memoryLimit = checkMemoryLimit(options.memoryLimit)
    return openFor(checkPath(path), async (file) => {
      const entries = await readNpzDirectory(file)
      const entry = findArray(file, entries, inputsName)
      const targets = (await readEntry(file, findArray(file, entries, targetsName), memoryLimit)).toTargets()
      const source = await openEntry(file, entry, memoryLimit)
      const header = checkClips(source, await readNpyHeader(source), targets)
      const contents = { source, header, targets, file: entry.isDeflated ? undefined : file }
      return { isFileKept: !entry.isDeflated, dataset: new NpzDataset(contents) }
    })
  }
}

/** Opens a file that stays open only where the dataset needs it. */
async function openFor<T>(
  path: string,
  make: (file: OpenFile) => Promise<{ readonly isFileKept: boolean; readonly dataset: T }>,
): Promise<T> {
  const file = await OpenFile.open(path)
  let isFileKept = false
  try {
    const made = await make(file)
    isFileKept = made.isFileKept
    return made.dataset
  } finally {
    if (!isFileKept) await file.close()
  }
}

function checkClips({ place }: ByteSource, header: NpyHeader, targets: Int32Array): NpyHeader {
  const { dtype, shape, isFortranOrder } = header
  if (isFortranOrder) throw fileError(place, "'fortran_order': False (np.ascontiguousarray makes it so)", 'True')
  if (dtype.name === 'str') throw fileError(place, 'numbers as clips', dtype.name)
  const [length = 0, ...sampleShape] = shape
  if (sampleShape.length === 0 || sampleShape.includes(0)) {
    throw fileError(place, 'clips of shape [samples, …] with at least two axes', formatShape(shape))
  }
  if (targets.length === length) return header
  throw new ZoetropeError(
    'ERR_SHAPE_MISMATCH',
    `Expected ${length} targets for the clips ${formatShape(shape)} in '${place.path}', received ${targets.length}`,
    { ...place, expected: length, actual: targets.length },
  )
}

async function toTargets(targets: NpyDatasetOptions['targets']): Promise<Int32Array> {
  if (typeof targets === 'string' || targets instanceof URL) return (await readNpy(targets)).toTargets()
  const list = listOf(targets)
  if (list === undefined) throw typeError('a path or an array of integers', 'targets', targets)
  return copied(list, Int32Array, (target, index) => checkTarget(target, () => `\`targets[${index}]\``))
}

function checkName(name: string, option: string): string {
  if (typeof name === 'string') return name
  throw typeError('the name of an array in the file', option, name)
}
