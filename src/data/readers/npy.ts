import { checkPath, checkInteger, checkOptions, checkString, typeError } from '../../common/checks'
import { withFile } from './bytes'
import { fileError } from './file-error'
import { readStored } from './inflate'
import { readArray } from './npy-array'
import { isNpy, readNpyHeader } from './npy-header'
import { openEntry, readZipDirectory } from './zip'
import type { ByteSource } from './bytes'
import type { NpyArray } from './npy-array'
import type { ZipEntry } from './zip'

/** Options of {@link readNpz}. */
export interface ReadNpzOptions {
  /** The arrays to read, without `.npy`. Default all. */
  readonly names?: readonly string[] | undefined
  /** The most bytes that one array is unpacked to. Default 2³¹ (2 GiB). */
  readonly memoryLimit?: number | undefined
}

/** Default of `memoryLimit`, in bytes. */
export const DEFAULT_MEMORY_LIMIT = 2 ** 31

const SUFFIX = /\.npy$/

/**
 * Reads a .npy file of versions 1 to 3 into memory: bool, integers of 8 to 64 bits, floats of 16 to 64 bits and text,
 * in either byte order and either order of axes (the result is row-major).
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read or is malformed: `details` has `path`, `offset`,
 * `expected` and `actual`.
 */
export async function readNpy(path: string | URL): Promise<NpyArray> {
  return withFile(checkPath(path), async (file) => readArray(file, await readNpyHeader(file)))
}

/**
 * Reads the arrays of a .npz file, which `np.savez` or `np.savez_compressed` wrote, into memory, by name. Checksums are
 * compared. Files in the zip that are no arrays are left out: those whose names do not end in .npy, and those that do
 * not begin as a .npy file does, such as what the Finder of macOS adds.
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read or is malformed, a name that is not in it, and an
 * array that unpacks to more than `memoryLimit`.
 */
export async function readNpz(path: string | URL, options: ReadNpzOptions = {}): Promise<Map<string, NpyArray>> {
  options = checkOptions(options, 'options', ['names', 'memoryLimit'])
  const limit = checkMemoryLimit(options.memoryLimit)
  const names = checkNames(options.names)
  return withFile(checkPath(path), async (file) => {
    const entries = await readNpzDirectory(file)
    const arrays = new Map<string, NpyArray>()
    for (const name of names ?? entries.keys()) {
      const source = await readEntryBytes(file, findArray(file, entries, name), limit)
      if (names !== undefined || (await isNpy(source))) {
        arrays.set(name, await readArray(source, await readNpyHeader(source)))
      }
    }
    return arrays
  })
}

/** Reads an array of a .npz file whole, and compares its checksum. */
export async function readEntry(file: ByteSource, entry: ZipEntry, memoryLimit: number): Promise<NpyArray> {
  const source = await readEntryBytes(file, entry, memoryLimit)
  return readArray(source, await readNpyHeader(source))
}

/** The files in a .npz that may be arrays, by their names without `.npy`. */
export async function readNpzDirectory(file: ByteSource): Promise<Map<string, ZipEntry>> {
  const arrays = new Map<string, ZipEntry>()
  for (const [name, entry] of await readZipDirectory(file, SUFFIX)) arrays.set(name.replace(SUFFIX, ''), entry)
  return arrays
}

/**
 * The array of this name, or an error that lists the names there are. As NumPy does, it takes a name with `.npy` too;
 * folders may be parted by `/` or `\`.
 */
export function findArray(file: ByteSource, entries: ReadonlyMap<string, ZipEntry>, name: string): ZipEntry {
  const plain = name.replaceAll('\\', '/')
  const entry = entries.get(plain) ?? entries.get(plain.replace(SUFFIX, ''))
  if (entry !== undefined) return entry
  throw fileError(file.place, `an array named '${name}'`, [...entries.keys()].slice(0, 20).join(', ') || 'none')
}

export function checkMemoryLimit(memoryLimit: number = DEFAULT_MEMORY_LIMIT): number {
  return checkInteger(memoryLimit, 'memoryLimit', 0, Number.MAX_SAFE_INTEGER)
}

function checkNames(names: readonly string[] | undefined): readonly string[] | undefined {
  if (names === undefined) return undefined
  if (!Array.isArray(names)) throw typeError('an array of names', 'names', names)
  return Array.from<unknown, string>(names, (name, index) => checkString(name, `names[${index}]`))
}

/** The unpacked bytes of an entry, in memory, with their checksum compared. */
async function readEntryBytes(file: ByteSource, entry: ZipEntry, memoryLimit: number): Promise<ByteSource> {
  const opened = await openEntry(file, entry, memoryLimit)
  return entry.isDeflated ? opened : readStored(opened, entry.crc)
}
