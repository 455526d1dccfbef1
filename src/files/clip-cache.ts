/** Decoded clips, so that the next epoch does not decode: in memory as far as the limit goes, then in a file. */
import { tmpdir } from 'node:os'
import { elements } from '../common/nd-array'
import { takeRows } from './reader'
import { SpillFile } from './spill-file'
import type { NdArray } from '../common/nd-array'
import type { CheckedCacheOptions } from './options'
import type { ClipLength } from './timing'

/** A clip that is kept. */
export interface CachedClip {
  /** `[time, …step]` */
  readonly shape: readonly number[]
  readonly length: ClipLength
  /** Some of its rows, in order, as an array of the caller's own; nothing where the disk has no room for them any more. */
  rows(indices: Uint32Array): Promise<NdArray | undefined>
}

interface Entry {
  readonly stamp: string
  readonly shape: readonly number[]
  readonly length: ClipLength
  readonly isPixels: boolean
  /** The values, or where they begin in the file. */
  readonly at: Float32Array | Uint8Array | number
}

/** The clips of one dataset, by a name each. A clip whose file has changed counts as none. */
export class ClipCache {
  readonly #limits: CheckedCacheOptions
  readonly #entries = new Map<string, Entry>()
  readonly #spill: SpillFile
  #bytes = 0

  constructor(limits: CheckedCacheOptions) {
    this.#limits = limits
    this.#spill = new SpillFile(limits.directory ?? tmpdir(), limits.disk)
  }

  /** A clip that was put before, when its file had this stamp. */
  find(name: string, stamp: string): CachedClip | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined || entry.stamp !== stamp) return undefined
    const { shape, length } = entry
    return { shape, length, rows: async (indices) => this.#rows(entry, indices) }
  }

  /** Keeps a clip, or does not where there is no room. The array is copied where it is kept in memory. */
  async put(name: string, stamp: string, array: NdArray, length: ClipLength): Promise<void> {
    const { data, shape } = array
    this.#forget(name)
    const isPixels = data.BYTES_PER_ELEMENT === 1
    const entry = { stamp, shape, length, isPixels }
    if (this.#bytes + data.byteLength <= this.#limits.memory) {
      this.#bytes += data.byteLength
      this.#entries.set(name, { ...entry, at: data.slice() })
      return
    }
    const at = await this.#spill.append(data)
    if (at !== undefined) this.#entries.set(name, { ...entry, at })
  }

  /** Lets go of everything. */
  async close(): Promise<void> {
    this.#entries.clear()
    await this.#spill.close()
  }

  #forget(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    if (typeof entry.at !== 'number') this.#bytes -= entry.at.byteLength
    this.#entries.delete(name)
  }

  async #rows({ at, shape, isPixels }: Entry, indices: Uint32Array): Promise<NdArray | undefined> {
    const [, ...step] = shape
    if (typeof at !== 'number') {
      const taken = takeRows({ data: at, shape }, indices)
      return taken.data === at ? { data: at.slice(), shape } : taken
    }
    // Indices go up: what lies between the first and the last is read at once.
    const [first = 0, last = 0] = [indices[0], indices.at(-1)]
    const [size, unit] = [elements(step), isPixels ? 1 : Float32Array.BYTES_PER_ELEMENT]
    const bytes = await this.#spill.read(at + first * size * unit, (last - first + 1) * size * unit)
    if (bytes === undefined) return undefined
    const data = isPixels ? bytes : new Float32Array(bytes.buffer)
    return takeRows(
      { data, shape: [last - first + 1, ...step] },
      indices.map((index) => index - first),
    )
  }
}
