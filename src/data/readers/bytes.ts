import { constants } from 'node:buffer'
import { open, stat } from 'node:fs/promises'
import { fileError, unreadable } from './file-error'
import type { FileHandle } from 'node:fs/promises'
import type { Place } from './file-error'

const MAX_CHUNK = 2 ** 30 //     one read of the system takes at most 2 GiB

/** Bytes that can be read at any offset: a file, a part of one, or memory. */
export interface ByteSource {
  /** Which file it is, for messages. */
  readonly place: Place
  /** In bytes. */
  readonly length: number
  /** A copy of `length` bytes from `offset` on, in a buffer of its own; an error where there are fewer. */
  read(offset: number, length: number): Promise<Uint8Array>
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

  /** Opens a regular file: a folder, a pipe or a device is refused before it can block. */
  static async open(path: string): Promise<OpenFile> {
    try {
      const stats = await stat(path)
      if (!stats.isFile()) throw fileError({ path }, 'to read the file', stats.isDirectory() ? 'a folder' : 'a device')
      return new OpenFile(await open(path, 'r'), path, stats.size)
    } catch (cause) {
      throw unreadable(path, cause)
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length)
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const wanted = Math.min(length - done, MAX_CHUNK)
      const { bytesRead } = await this.#handle.read(bytes, done, wanted, offset + done)
      if (bytesRead === 0) throw shortage(this.place, offset, length, done) //  the file has shrunk since it was opened
      done += bytesRead
    }
    return bytes
  }

  /** Waits for reads under way, then lets go of the file. */
  async close(): Promise<void> {
    await this.#handle.close()
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

/** Bytes in memory. */
export function memory(bytes: Uint8Array, place: Place): ByteSource {
  const source: ByteSource = {
    place,
    length: bytes.length,
    read: async (offset, length) => {
      checkRange(source, offset, length)
      return bytes.slice(offset, offset + length)
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

/** Nothing is allocated for bytes that are not there. */
function checkRange({ place, length: available }: ByteSource, offset: number, length: number): void {
  if (offset + length > available) throw shortage(place, offset, length, Math.max(0, available - offset))
  if (length > constants.MAX_LENGTH) {
    throw fileError({ ...place, offset }, `at most ${constants.MAX_LENGTH} bytes at once`, `${length}`)
  }
}

function shortage(place: Place, offset: number, expected: number, actual: number): Error {
  return fileError({ ...place, offset }, `${expected} bytes`, `${actual}`)
}
