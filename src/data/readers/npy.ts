import { checkPath, checkInteger, checkOptions, typeError } from '../../common/checks'
import { withFile } from './bytes'
import { fileError } from './file-error'
import { readStored } from './inflate'
import { readArray } from './npy-array'
import { readNpyHeader } from './npy-header'
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
 * compared. Files in the zip that are no .npy are left out.
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read or is malformed, a name that is not in it, and an
 * array that unpacks to more than `memoryLimit`.
 */
export async function readNpz(path: string | URL, options: ReadNpzOptions = {}): Promise<Map<string, NpyArray>> {
  checkOptions(options, 'options', ['names', 'memoryLimit'])
  const { names, memoryLimit } = options
  const limit = checkMemoryLimit(memoryLimit)
  if (names !== undefined && !Array.isArray(names)) throw typeError('an array of names', 'names', names)
  return withFile(checkPath(path), async (file) => {
    const entries = await readNpzDirectory(file)
    const arrays = new Map<string, NpyArray>()
    for (const name of names ?? entries.keys()) {
      arrays.set(name, await readEntry(file, findArray(file, entries, name), limit))
    }
    return arrays
  })
}

/** Reads an array of a .npz file whole, and compares its checksum. */
export async function readEntry(file: ByteSource, entry: ZipEntry, memoryLimit: number): Promise<NpyArray> {
  const opened = await openEntry(file, entry, memoryLimit)
  const source = entry.isDeflated ? opened : await readStored(opened, entry.crc)
  return readArray(source, await readNpyHeader(source))
}

/** The arrays in a .npz file, by their names without `.npy`. */
export async function readNpzDirectory(file: ByteSource): Promise<Map<string, ZipEntry>> {
  const entries = [...(await readZipDirectory(file))].filter(([name]) => SUFFIX.test(name))
  return new Map(entries.map(([name, entry]) => [name.replace(SUFFIX, ''), entry]))
}

/** The array of this name, or an error that lists the names there are. */
export function findArray(file: ByteSource, entries: ReadonlyMap<string, ZipEntry>, name: string): ZipEntry {
  const entry = entries.get(name)
  if (entry !== undefined) return entry
  throw fileError(file.place, `an array named '${name}'`, [...entries.keys()].slice(0, 20).join(', ') || 'none')
}

export function checkMemoryLimit(memoryLimit: number = DEFAULT_MEMORY_LIMIT): number {
  return checkInteger(memoryLimit, 'memoryLimit', 0, Number.MAX_SAFE_INTEGER)
}
