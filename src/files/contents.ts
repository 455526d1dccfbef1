/** What a dataset of clips is made of: its clips, the reader of their kind, and the samples that they are cut into. */
import { join } from 'node:path'
import { ZoetropeError } from '../errors'
import { readCatalog } from './catalog'
import { ClipStore } from './clip-store'
import { preprocessingOf, readerOf } from './open-reader'
import { checkOwn } from './options'
import { sideBySide } from './side-by-side'
import { pick, pickedCount, stretchOf, windowsOf } from './timing'
import type { Catalog, Clip } from './catalog'
import type { ClipFile } from './form'
import type { CheckedFolderOptions } from './options'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ScanOptions } from '../data/scan'
import type { ClipLength, Stretch } from './timing'

/** A clip that was left out. */
export interface SkippedClip {
  readonly path: string
  /** What is wrong with it. */
  readonly reason: string
}

/** One sample: a clip, or a window of one. */
export interface Item {
  readonly clip: Clip
  /** The clip's group. */
  readonly group: string
  readonly window: Stretch | undefined
  /** Frames of the sample, where they are known. */
  length: number | undefined
}

/** The most clips whose lengths are looked up when nobody asks for it: a second or two. */
const MOST_MEASURED = 10_000

/** Everything about a dataset of clips. */
export class Contents {
  readonly path: string
  readonly catalog: Catalog
  readonly reader: ClipReader
  readonly skipped: SkippedClip[] = []
  readonly #store: ClipStore
  #items: Item[] = []

  private constructor(path: string, catalog: Catalog, reader: ClipReader, { cache }: CheckedFolderOptions) {
    this.path = path
    this.catalog = catalog
    this.reader = reader
    this.#store = new ClipStore(reader, cache)
  }

  /** Looks for the clips, and at them as far as the options ask. */
  static async open(path: string, options: CheckedFolderOptions): Promise<Contents> {
    const catalog = await readCatalog(path, options)
    checkOwn(options.own, catalog.kind)
    const contents = new Contents(path, catalog, await openReader(catalog, options), options)
    try {
      await contents.#look(options)
      return contents
    } catch (error) {
      await contents.close()
      throw error
    }
  }

  get items(): readonly Item[] {
    return this.#items
  }

  get isClosed(): boolean {
    return this.#store.isClosed
  }

  /** Reads a sample. */
  async read(item: Item): Promise<ReadClip> {
    const { clip, window } = item
    const timing = this.reader.preprocessing
    const choose: Choose = (length) => pick(window ?? this.#stretch(clip, length), timing)
    const part = window === undefined ? `${clip.from}:${clip.to}` : `${window.start}+${window.count}`
    const read = await this.#store.read(this.#file(clip), part, choose)
    item.length ??= read.array.shape[0]
    return read
  }

  /** Looks up the frames of every sample whose frames are not known. */
  async measure(scanning: ScanOptions): Promise<void> {
    const unknown = this.#items.filter(({ length }) => length === undefined)
    const lengths = new Map<string, Promise<ClipLength>>()
    const measureOne = async (index: number): Promise<void> => {
      const item = unknown[index]
      if (item === undefined) return
      const length = await this.#measure(item.clip, lengths)
      const timing = this.reader.preprocessing
      item.length = pickedCount((item.window ?? this.#stretch(item.clip, length)).count, timing)
    }
    await sideBySide(unknown.length, measureOne, scanning)
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  /** Makes the samples: where windows are cut, by the lengths of the clips; where clips may be skipped, by reading them. */
  async #look({ measure, isSkipping, scanning }: CheckedFolderOptions): Promise<void> {
    const { clips, groups } = this.catalog
    const timing = this.reader.preprocessing
    const lengths = new Map<string, Promise<ClipLength>>()
    const itemsOf: (readonly Item[])[] = []
    const cut = async (index: number): Promise<void> => {
      const clip = clips[index]
      if (clip === undefined) return
      const common = { clip, group: groups.ids[index] ?? '' }
      const length = timing.window === null ? undefined : await this.#measure(clip, lengths)
      const windows = length && windowsOf(this.#file(clip).path, this.#stretch(clip, length), length.rate, timing)
      const known = timing.timeSteps ?? undefined
      itemsOf[index] = windows?.map((window) => ({ ...common, window, length: pickedCount(window.count, timing) })) ?? [
        { ...common, window: undefined, length: known },
      ]
    }
    const readAll = async (index: number): Promise<void> => {
      try {
        await cut(index)
        for (const item of itemsOf[index] ?? []) await this.read(item)
      } catch (error) {
        const clip = clips[index]
        if (clip === undefined || !isDamage(error)) throw error
        itemsOf[index] = []
        this.skipped.push({ path: join(this.catalog.root, clip.path), reason: error.message })
      }
    }
    if (timing.window === null && !isSkipping) {
      const length = timing.timeSteps ?? undefined
      this.#items = clips.map((clip, index) => ({ clip, group: groups.ids[index] ?? '', window: undefined, length }))
    } else {
      await sideBySide(clips.length, isSkipping ? readAll : cut, scanning)
      this.#items = itemsOf.flat()
    }
    if (this.#items.length === 0) {
      const [first] = this.skipped
      const message = `Expected clips that can be read in '${this.path}', received none: ${first?.reason ?? 'no clips'}`
      throw new ZoetropeError('ERR_DATA', message, { path: this.path, skipped: this.skipped })
    }
    const isCheap = clips.length <= MOST_MEASURED && !clips.some(({ form }) => form === 'video')
    if (measure ?? isCheap) await this.measure(scanning)
  }

  async #measure(clip: Clip, lengths: Map<string, Promise<ClipLength>>): Promise<ClipLength> {
    const known = lengths.get(clip.path)
    if (known !== undefined) return known
    const measured = this.#store.measure(this.#file(clip))
    lengths.set(clip.path, measured)
    return measured
  }

  #stretch(clip: Clip, length: ClipLength): Stretch {
    const { from, to } = clip
    return stretchOf({ path: this.#file(clip).path, from, to }, length, this.reader.preprocessing)
  }

  #file(clip: Clip): ClipFile {
    return fileOf(this.catalog, clip)
  }
}

function fileOf({ root }: Catalog, { path, form, frames }: Clip): ClipFile {
  return { path: join(root, path), form, frames }
}

/** The reader of the clips, by what the first clip says that can be read. */
async function openReader(catalog: Catalog, { own, timing, isSkipping }: CheckedFolderOptions): Promise<ClipReader> {
  const { kind, clips } = catalog
  for (const [index, clip] of clips.entries()) {
    try {
      return readerOf(await preprocessingOf(kind, own, timing, fileOf(catalog, clip)))
    } catch (error) {
      if (!isSkipping || !isDamage(error) || index === clips.length - 1) throw error
    }
  }
  throw new ZoetropeError('ERR_DATA', `Expected clips in '${catalog.root}', received none`, { path: catalog.root })
}

/** Whether an error says that a file is not as it must be; a program that is missing is not the file's fault. */
function isDamage(error: unknown): error is ZoetropeError {
  return error instanceof ZoetropeError && error.code === 'ERR_DATA' && error.details.program === undefined
}
