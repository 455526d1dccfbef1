/** The clips below a folder, in natural order. */
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { throwIfAborted } from '../common/abort'
import { unreadable } from '../data/readers/file-error'
import { Turns } from '../data/scan'
import { formOf, isHidden } from './form'
import { compareNaturally } from './natural-order'
import type { Dirent } from 'node:fs'
import type { ClipForm } from './form'

/** A clip below the folder that was walked. */
export interface FoundClip {
  /** Below that folder, parted by `/`. */
  readonly path: string
  readonly form: ClipForm
  /** Images in a folder of frames; undefined for files. */
  readonly frames: number | undefined
}

/** A file that is no clip, or a folder without any. */
export interface PassedOver {
  readonly path: string
  readonly reason: string
}

interface Listing {
  readonly folders: readonly string[]
  readonly files: readonly string[]
}

/** How deep folders may lie in one another: more is a circle that the system does not show. */
const MOST_DEPTH = 64
const ENTRIES_AT_ONCE = 1024

/** Walks through folders. */
export class Walk {
  readonly #root: string
  readonly #signal: AbortSignal | undefined
  readonly #turns: Turns
  #entries = 0
  /** Files that are no clips, by their names. */
  readonly others: PassedOver[] = []
  othersCount = 0

  /** @param root - An absolute path. */
  constructor(root: string, signal: AbortSignal | undefined) {
    this.#root = root
    this.#signal = signal
    this.#turns = new Turns(signal)
  }

  /** The folders right below the root, in natural order; files there are passed over. */
  async classes(): Promise<readonly string[]> {
    const { folders, files } = await this.#list('')
    for (const file of files) this.#passOver(file, 'not in the folder of a class')
    return folders
  }

  /**
   * The clips below a folder. A folder that has images is a clip of these frames, but not the first: images right there
   * are clips of one frame.
   */
  async *clips(folder: string): AsyncGenerator<FoundClip, void> {
    yield* this.#below(folder, [], true)
  }

  async *#below(folder: string, above: readonly string[], isFirst: boolean): AsyncGenerator<FoundClip, void> {
    throwIfAborted(this.#signal)
    const identity = await this.#identity(folder)
    if (above.includes(identity) || above.length >= MOST_DEPTH) return //     a symbolic link back into itself
    const { folders, files } = await this.#list(folder)
    const forms = files.map((name) => formOf(name))
    const images = forms.filter((form) => form === 'image').length
    if (images > 0 && !isFirst) yield { path: folder, form: 'folder', frames: images }
    for (const [index, name] of files.entries()) {
      const [form, path] = [forms[index], `${folder}/${name}`]
      if (form === undefined) this.#passOver(path, 'no clip')
      else if (form !== 'image' || isFirst) yield { path, form, frames: form === 'image' ? 1 : undefined }
    }
    for (const name of folders) yield* this.#below(`${folder}/${name}`, [...above, identity], false)
  }

  /** What is in a folder, hidden entries aside. Symbolic links count as what they lead to; those to nothing are passed over. */
  async #list(folder: string): Promise<Listing> {
    const path = join(this.#root, folder)
    const [folders, files]: [string[], string[]] = [[], []]
    try {
      for await (const entry of await opendir(path, { bufferSize: ENTRIES_AT_ONCE })) {
        if (++this.#entries % ENTRIES_AT_ONCE === 0) await this.#turns.take()
        if (isHidden(entry.name)) continue
        const kind = entry.isSymbolicLink() ? await kindOfTarget(join(path, entry.name)) : kindOfEntry(entry)
        if (kind === 'folder') folders.push(entry.name)
        else if (kind === 'file') files.push(entry.name)
        else this.#passOver(folder === '' ? entry.name : `${folder}/${entry.name}`, 'neither a file nor a folder')
      }
    } catch (cause) {
      throwIfAborted(this.#signal)
      throw unreadable({ path }, cause)
    }
    return { folders: folders.toSorted(compareNaturally), files: files.toSorted(compareNaturally) }
  }

  /** The same for one folder by whichever path it is reached. */
  async #identity(folder: string): Promise<string> {
    const path = join(this.#root, folder)
    try {
      const { dev, ino } = await stat(path)
      return `${dev}:${ino}`
    } catch (cause) {
      throw unreadable({ path }, cause)
    }
  }

  #passOver(path: string, reason: string): void {
    this.othersCount++
    if (this.others.length < MOST_LISTED) this.others.push({ path, reason })
  }
}

/** Files that are no clips are named up to this number, and counted beyond it. */
const MOST_LISTED = 1000

type EntryKind = 'folder' | 'file' | undefined

function kindOfEntry(entry: Pick<Dirent, 'isDirectory' | 'isFile'>): EntryKind {
  if (entry.isDirectory()) return 'folder'
  return entry.isFile() ? 'file' : undefined
}

async function kindOfTarget(path: string): Promise<EntryKind> {
  try {
    return kindOfEntry(await stat(path))
  } catch {
    return undefined //                   a link to nothing, or a circle of links
  }
}
