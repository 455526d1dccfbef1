import { fileError, formatBytes } from './file-error'
import type { ByteSource } from './bytes'

/** Where the contents of a chunk of a WAV file are. */
export interface Chunk {
  readonly id: string
  /** Of the contents, in bytes. */
  readonly start: number
  /** What the header says: the file may have fewer bytes. */
  readonly length: number
}

/** The name and the length in front of a chunk's contents. */
export const CHUNK_BYTES = 8

const HEADER_BYTES = 12
const DS64_BYTES = 28
const TABLE_ENTRY_BYTES = 12
const IN_DS64 = 0xffffffff //         the length of a chunk whose length does not fit 32 bits
const MAX_CHUNKS = 2 ** 16
const NAME = /^[\x20-\x7e]{4}$/

/** Chunks that programs write beside `fmt ` and `data`: they tell where a chunk begins whose padding is missing. */
const KNOWN = new Set(['fmt ', 'data', 'fact', 'LIST', 'JUNK', 'junk', 'PAD ', 'FLLR', 'bext', 'cue ', 'smpl', 'inst'])
  .add('iXML')
  .add('id3 ')
  .add('ID3 ')
  .add('PEAK')
  .add('_PMX')
  .add('acid')

/** Walks through the chunks of a WAV file, one header at a time. */
export class ChunkReader {
  readonly #file: ByteSource
  /** Lengths of 64 bits by chunk. */
  readonly #long = new Map<string, number>()
  #at = HEADER_BYTES
  #count = 0

  private constructor(file: ByteSource) {
    this.#file = file
  }

  /**
   * Begins behind the file's own header. The length that stands there is not looked at: recorders that were killed, and
   * programs that write to a pipe, leave it wrong. What the file has counts.
   */
  static async open(file: ByteSource): Promise<ChunkReader> {
    const { place, length } = file
    if (length < HEADER_BYTES) {
      throw fileError({ ...place, offset: 0 }, `a WAV file's ${HEADER_BYTES} bytes or more`, `${length}`)
    }
    const bytes = Buffer.from(await file.read(0, HEADER_BYTES))
    const [form, kind] = [bytes.toString('latin1', 0, 4), bytes.toString('latin1', 8)]
    const isLong = form === 'RF64' || form === 'BW64'
    if (form !== 'RIFF' && !isLong) {
      throw fileError({ ...place, offset: 0 }, "'RF64', 'BW64' or 'RIFF'", formatBytes(bytes.subarray(0, 4)))
    }
    if (kind !== 'WAVE') throw fileError({ ...place, offset: 8 }, "'WAVE'", formatBytes(bytes.subarray(8)))
    const chunks = new ChunkReader(file)
    if (isLong) await chunks.#readLongLengths()
    return chunks
  }

  /** The next chunk, or `undefined` at the end of the file. */
  async next(): Promise<Chunk | undefined> {
    const { place, length: end } = this.#file
    const here = { ...place, offset: this.#at }
    if (this.#at >= end) return undefined
    if (++this.#count > MAX_CHUNKS) throw fileError(here, `at most ${MAX_CHUNKS} chunks`, 'more')
    if (this.#at + CHUNK_BYTES > end) throw fileError(here, `a chunk's ${CHUNK_BYTES} bytes`, `${end - this.#at}`)
    const bytes = Buffer.from(await this.#file.read(this.#at, CHUNK_BYTES))
    const [id, short] = [bytes.toString('latin1', 0, 4), bytes.readUInt32LE(4)]
    if (!NAME.test(id)) throw fileError(here, 'the name of a chunk', formatBytes(bytes.subarray(0, 4)))
    const start = this.#at + CHUNK_BYTES
    return { id, start, length: short === IN_DS64 ? (this.#long.get(id) ?? short) : short }
  }

  /** Goes behind a chunk, which must be there in full. */
  async skip({ id, start, length }: Chunk): Promise<void> {
    const { place, length: end } = this.#file
    if (length > end - start) {
      throw fileError({ ...place, offset: start }, `${length} bytes in chunk '${id}'`, `${end - start}`)
    }
    this.#at = start + length
    if (length % 2 === 1 && !(await this.#isPaddingMissing())) this.#at++
  }

  /** A chunk of odd length is followed by a byte of padding, which some programs forget. */
  async #isPaddingMissing(): Promise<boolean> {
    if (this.#at + CHUNK_BYTES > this.#file.length) return false
    const bytes = Buffer.from(await this.#file.read(this.#at, 5))
    const [here, padded] = [bytes.toString('latin1', 0, 4), bytes.toString('latin1', 1)]
    return KNOWN.has(here) || (NAME.test(here) && !NAME.test(padded))
  }

  /** RF64 and BW64 say in a chunk of their own, the first, what does not fit 32 bits. */
  async #readLongLengths(): Promise<void> {
    const chunk = await this.next()
    const place = { ...this.#file.place, offset: HEADER_BYTES }
    if (chunk?.id !== 'ds64') throw fileError(place, "the chunk 'ds64'", chunk === undefined ? 'none' : `'${chunk.id}'`)
    if (chunk.length < DS64_BYTES) {
      throw fileError({ ...place, offset: chunk.start }, `${DS64_BYTES} bytes or more`, `${chunk.length}`)
    }
    const bytes = Buffer.from(await this.#file.read(chunk.start, DS64_BYTES))
    this.#long.set('data', Number(bytes.readBigUInt64LE(8)))
    const count = Math.min(bytes.readUInt32LE(24), Math.floor((chunk.length - DS64_BYTES) / TABLE_ENTRY_BYTES))
    if (count > MAX_CHUNKS) throw fileError(place, `at most ${MAX_CHUNKS} chunks`, `${count}`)
    const table = Buffer.from(await this.#file.read(chunk.start + DS64_BYTES, count * TABLE_ENTRY_BYTES))
    for (let at = 0; at < table.length; at += TABLE_ENTRY_BYTES) {
      this.#long.set(table.toString('latin1', at, at + 4), Number(table.readBigUInt64LE(at + 4)))
    }
    await this.skip(chunk)
  }
}
