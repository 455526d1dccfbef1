import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { fileError, unreadable } from './file-error'
import { allocate, inPieces } from './pieces'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Place } from './file-error'

const MAX_CHUNK = 2 ** 30 //     one read of the system takes at most 2 GiB
const COPIED_AT_ONCE = 2 ** 20 // bytes of memory copied in one turn of the event loop

/** Opening a pipe waits for its writer, unless this flag is set. Windows has neither. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** Bytes that can be read at any offset: a file, a part of one, or memory. */
export interface ByteSource {
  /** Which file it is, for messages. */
  readonly place: Place
  /** In bytes. */
  readonly length: number
  /** A copy of `length` bytes from `offset` on, in a buffer of its own; an error where there are fewer. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
}

/** A file that is open for reading. */
export class OpenFile implements ByteSource {
  readonly #handle: FileHandle
  readonly place: Place
  readonly length: number

  private constructor(handle: FileHandle, path: string, length: number) {
    this.#handle = handle
    this.place = { path }
    this.length = length
  }

  /**
   * Opens a regular file. A folder, a pipe, a socket or a device is refused: it is not opened where its path already
   * tells, and what takes the file's place meanwhile cannot block. Whatever is written behind the end later is not read.
   */
  static async open(path: string): Promise<OpenFile> {
    try {
      checkRegular(path, await stat(path))
      const handle = await open(path, FLAGS)
      try {
        const stats = await handle.stat()
        checkRegular(path, stats)
        return new OpenFile(handle, path, stats.size)
      } catch (error) {
        await handle.close()
        throw error
      }
    } catch (cause) {
      throw unreadable({ path }, cause)
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this, offset, length)
    const bytes = allocate(this.place, Uint8Array, length)
    let done = 0
    while (done < length) {
      const bytesRead = await this.#readInto(bytes, done, offset)
      if (bytesRead === 0) throw shortage(this.place, offset, length, done) //  the file has shrunk since it was opened
      done += bytesRead
    }
    return bytes
  }

  /** Waits for reads under way, then lets go of the file. */
  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #readInto(bytes: Uint8Array, done: number, offset: number): Promise<number> {
    const wanted = Math.min(bytes.length - done, MAX_CHUNK)
    try {
      return (await this.#handle.read(bytes, done, wanted, offset + done)).bytesRead
    } catch (cause) {
      throw unreadable({ ...this.place, offset: offset + done }, cause)
    }
  }
}

/** `length` bytes of another source from `start` on; offsets count from there. */
export function section(source: ByteSource, place: Place, start: number, length: number): ByteSource {
  checkRange(source, start, length)
  const part: ByteSource = {
    place,
    length,
    read: async (offset, count) => {
      checkRange(part, offset, count)
      return source.read(start + offset, count)
    },
  }
  return part
}

/** A source whose first `length` bytes are read at once: for headers, which are read bit by bit. */
export async function withHead(source: ByteSource, length: number): Promise<ByteSource> {
  const head = await source.read(0, Math.min(length, source.length))
  return {
    place: source.place,
    length: source.length,
    read: async (offset, count) => {
      return offset + count <= head.length ? head.slice(offset, offset + count) : source.read(offset, count)
    },
  }
}

/** Bytes in memory. Long ones are copied piece by piece. */
export function memory(bytes: Uint8Array, place: Place): ByteSource {
  const source: ByteSource = {
    place,
    length: bytes.length,
    read: async (offset, length) => {
      checkRange(source, offset, length)
      const copy = allocate(place, Uint8Array, length)
      const copyPiece = (start: number, end: number): void =>
        copy.set(bytes.subarray(offset + start, offset + end), start)
      await inPieces(length, copyPiece, COPIED_AT_ONCE)
      return copy
    },
  }
  return source
}

/** Opens a file for the time of one piece of work. */
export async function withFile<T>(path: string, work: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await OpenFile.open(path)
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

function checkRegular(path: string, stats: Stats): void {
  if (stats.isFile()) return
  throw fileError({ path }, 'to read the file', describeKind(stats))
}

function describeKind(stats: Stats): string {
  if (stats.isDirectory()) return 'EISDIR: a folder'
  if (stats.isFIFO()) return 'a pipe, and only regular files are read'
  if (stats.isSocket()) return 'a socket, and only regular files are read'
  return 'a device, and only regular files are read'
}

/** Nothing is allocated for bytes that are not there. */
function checkRange({ place, length: available }: ByteSource, offset: number, length: number): void {
  if (offset + length > available) throw shortage(place, offset, length, Math.max(0, available - offset))
}

function shortage(place: Place, offset: number, expected: number, actual: number): Error {
  return fileError({ ...place, offset }, `${expected} bytes`, `${actual}`)
}
