/** A temporary file that grows, and that nobody sees: it has no name any more when it is first written to. */
import { randomBytes } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { unreadable } from '../data/readers/file-error'
import type { FileHandle } from 'node:fs/promises'

export class SpillFile {
  readonly #path: string
  readonly #limit: number
  #opening: Promise<FileHandle | undefined> | undefined
  #length = 0
  #isFull = false

  /** @param limit - The most bytes; 0 for no file. */
  constructor(directory: string, limit: number) {
    this.#path = join(directory, `zoetrope-${randomBytes(8).toString('hex')}`)
    this.#limit = limit
  }

  /** Writes bytes behind all others; says where, or nothing where there is no room on the disk or below the limit. */
  async append(data: Float32Array | Uint8Array): Promise<number | undefined> {
    if (this.#isFull || this.#length + data.byteLength > this.#limit) return undefined
    const at = this.#length
    this.#length += data.byteLength //                   before waiting: appends run side by side
    const handle = await (this.#opening ??= this.#open())
    if (handle === undefined) return undefined
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
      }
      if (!this.#isFull) return at
      throw new Error('the disk became full meanwhile')
    } catch {
      // A full disk ends the cache, not the training. What the cache has of it is given back: the model needs room too.
      this.#isFull = true
      await handle.truncate().catch(() => undefined)
      return undefined
    }
  }

  /** Bytes that were written, in a buffer of their own; nothing where they were given back to a full disk. */
  async read(at: number, length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const handle = await this.#opening
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      if (handle === undefined || this.#isFull) return undefined
      const { bytesRead } = await handle.read(bytes, done, length - done, at + done)
      if (bytesRead === 0 && !this.#isFull)
        throw unreadable({ path: this.#path, offset: at + done }, new Error('the file has become shorter'))
      done += bytesRead
    }
    return this.#isFull ? undefined : bytes
  }

  async close(): Promise<void> {
    this.#isFull = true
    const handle = await this.#opening
    this.#opening = undefined
    await handle?.close()
  }

  async #open(): Promise<FileHandle | undefined> {
    try {
      const handle = await open(this.#path, 'wx+', 0o600)
      await unlink(this.#path) //                        the system frees it when the process ends, however it ends
      return handle
    } catch {
      this.#isFull = true
      return undefined
    }
  }
}
