/** Files that come into a folder, each told once when it has been written. */
import { watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isHidden } from '../../files/form'
import { unreadable } from '../../data/readers/file-error'

/** A file is whole when neither its size nor its time has changed for so many milliseconds. */
const QUIET = 500

/**
 * The files of a folder, those that are there first, then those that come, until the signal aborts. Folders and hidden
 * files are passed over. A file that is replaced comes again.
 */
export async function* filesOf(folder: string, signal: AbortSignal): AsyncGenerator<string, void> {
  const seen = new Map<string, string>()
  const changes = new Changes(folder, signal)
  try {
    while (!signal.aborted) {
      const waiting = changes.next()
      const { ready, isWriting } = await look(folder, seen)
      yield* ready
      // A file that is being written is looked at again, whether the system tells of it or not.
      await (isWriting
        ? Promise.race([waiting, setTimeout(QUIET, undefined, { signal }).catch(() => undefined)])
        : waiting)
    }
  } finally {
    changes.close()
  }
}

/** Files that are whole and new. */
async function look(folder: string, seen: Map<string, string>): Promise<{ ready: string[]; isWriting: boolean }> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw unreadable({ path: folder }, cause)
  })
  const ready: string[] = []
  let isWriting = false
  for (const name of names.toSorted()) {
    if (isHidden(name)) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined) //    it may be gone by now
    if (found?.isFile() !== true) continue
    const version = `${found.size}:${found.mtimeMs}`
    if (seen.get(path) === version) continue
    if (Date.now() - found.mtimeMs < QUIET) isWriting = true
    else {
      seen.set(path, version)
      ready.push(path)
    }
  }
  return { ready, isWriting }
}

/** The changes of a folder that the system tells of; several at once count as one. */
class Changes {
  readonly #watcher: ReturnType<typeof watch>
  readonly #stop: () => void
  readonly #signal: AbortSignal
  #wake: () => void = () => undefined
  #hasChanged = false

  constructor(folder: string, signal: AbortSignal) {
    const told = (): void => {
      this.#hasChanged = true
      this.#wake()
    }
    try {
      this.#watcher = watch(folder, told).on('error', told)
    } catch (cause) {
      throw unreadable({ path: folder }, cause)
    }
    this.#signal = signal
    this.#stop = told
    signal.addEventListener('abort', told, { once: true })
  }

  /** Resolves at the next change, or one that nobody has waited for yet. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#hasChanged) resolve()
    })
    this.#hasChanged = false
  }

  close(): void {
    this.#watcher.close()
    this.#signal.removeEventListener('abort', this.#stop)
    this.#stop()
  }
}
