/** One event file, appended to while a run goes on. */
import { mkdir, open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sessionStart, summary, versionEvent } from './event'
import { record } from './record'
import { reasonOf } from '../common/checks'
import { ZoetropeError } from '../errors'
import type { FileHandle } from 'node:fs/promises'
import type { Value } from './event'

/** Bytes that wait in memory until they are written without being asked to. */
const MOST_WAITING = 2 ** 16

/** Files of one process have different names, also when they are opened in the same millisecond. */
let opened = 0

export class EventFile {
  readonly #file: FileHandle
  readonly #path: string
  #waiting: Uint8Array[] = []
  #bytes = 0
  /** Of the file, all of them whole events. */
  #written = 0

  private constructor(file: FileHandle, path: string) {
    this.#file = file
    this.#path = path
  }

  /** Opens a new file in a folder, which is made where it is missing. Earlier files of the folder stay. */
  static async open(folder: string): Promise<EventFile> {
    const seconds = Math.floor(Date.now() / 1000)
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${opened++}.zoetrope`
    const path = join(folder, name)
    const file = await writing(path, async () => {
      await mkdir(folder, { recursive: true })
      return open(path, 'ax')
    })
    const events = new EventFile(file, path)
    events.#push(versionEvent(now()))
    return events
  }

  /** Says that a run goes on after `step` updates. */
  resume(step: number): void {
    this.#push(sessionStart(now(), step))
  }

  /** Adds values of one step. They are in the file after the next {@link flush}. */
  async add(step: number, values: readonly Value[]): Promise<void> {
    if (values.length === 0) return
    this.#push(summary(now(), step, values))
    if (this.#bytes > MOST_WAITING) await this.flush()
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    ;[this.#waiting, this.#bytes] = [[], 0]
    if (bytes.length === 0) return
    try {
      await writing(this.#path, async () => this.#file.appendFile(bytes))
      this.#written += bytes.length
    } catch (error) {
      // A full disk takes a part of the bytes: half an event would hide what a later run appends.
      await this.#file.truncate(this.#written).catch(() => undefined)
      throw error
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#file.close()
    }
  }

  #push(event: Uint8Array): void {
    const bytes = record(event)
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
  }
}

/** TensorBoard's wall time, in seconds. */
function now(): number {
  return Date.now() / 1000
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const message = `Expected to write '${path}', received ${reasonOf(cause)}`
    throw new ZoetropeError('ERR_DATA', message, { path }, { cause })
  }
}
