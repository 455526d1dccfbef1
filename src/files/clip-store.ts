/** Reads clips, a few at a time, and keeps them for the next epoch. */
import { availableParallelism } from 'node:os'
import { sequence } from '../common/permutation'
import { ZoetropeError } from '../errors'
import { ClipCache } from './clip-cache'
import { Gate } from './gate'
import { takeRows } from './reader'
import { stampOf } from './stamp'
import type { ClipFile } from './form'
import type { CheckedCacheOptions } from './options'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ClipLength } from './timing'

export class ClipStore {
  readonly #reader: ClipReader
  readonly #cache: ClipCache | undefined
  /** As many clips are decoded at a time as there are cores: each takes memory, and no core waits. */
  readonly #gate = new Gate(availableParallelism())
  readonly #closing = new AbortController()
  /** What is being read, by its name: several windows of a file wait for one reading of it. */
  readonly #reading = new Map<string, Promise<ReadClip>>()

  constructor(reader: ClipReader, cache: CheckedCacheOptions | undefined) {
    this.#reader = reader
    this.#cache = cache && new ClipCache(cache)
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** The length of a file. */
  async measure(file: ClipFile): Promise<ClipLength> {
    return this.#gate.run(async () => this.#reader.measure(file, this.#closing.signal))
  }

  /**
   * The steps of a file that `choose` names, in an array of the caller's own. `part` names them: the same steps of the
   * same file have the same.
   */
  async read(file: ClipFile, part: string, choose: Choose): Promise<ReadClip> {
    const cache = this.#cache
    if (cache === undefined) return this.#decode(file, choose)
    const { isWhole } = this.#reader
    const name = isWhole ? file.path : `${file.path}\0${part}`
    const stamp = await stampOf(file)
    const cached = cache.find(name, stamp)
    const rows = await cached?.rows(isWhole ? choose(cached.length) : sequence(cached.shape[0] ?? 0))
    if (cached !== undefined && rows !== undefined) return { array: rows, length: cached.length }
    const reading = this.#reading.get(name)
    const read = await (reading ?? this.#decodeAndKeep(cache, file, { name, stamp }, isWhole ? everyStep : choose))
    const { array, length } = read
    const taken = isWhole ? takeRows(array, choose(length)) : array
    const isShared = reading !== undefined && taken === array
    return { array: isShared ? { data: array.data.slice(), shape: array.shape } : taken, length }
  }

  /** Ends what is being read, and lets go of everything. */
  async close(): Promise<void> {
    this.#closing.abort(new ZoetropeError('ERR_DISPOSED', 'The dataset was closed'))
    await Promise.allSettled(this.#reading.values())
    await this.#cache?.close()
  }

  async #decode(file: ClipFile, choose: Choose): Promise<ReadClip> {
    return this.#gate.run(async () => this.#reader.read(file, choose, this.#closing.signal))
  }

  async #decodeAndKeep(
    cache: ClipCache,
    file: ClipFile,
    { name, stamp }: { readonly name: string; readonly stamp: string },
    choose: Choose,
  ): Promise<ReadClip> {
    const decodeAndKeep = async (): Promise<ReadClip> => {
      const read = await this.#decode(file, choose)
      // A file that was written to while it was read is read again the next time.
      if ((await stampOf(file).catch(() => undefined)) === stamp) await cache.put(name, stamp, read.array, read.length)
      return read
    }
    const reading = decodeAndKeep()
    this.#reading.set(name, reading)
    try {
      return await reading
    } finally {
      this.#reading.delete(name)
    }
  }
}

const everyStep: Choose = ({ steps }) => sequence(steps)
