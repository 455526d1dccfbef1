import { checkPath } from '../../common/checks'
import { withFile, withHead } from './bytes'
import { ZoetropeError } from '../../errors'
import { fileError } from './file-error'
import { allocate } from './pieces'
import { CHUNK_BYTES, ChunkReader } from './wav-chunks'
import { MAX_FORMAT_BYTES, toFormat } from './wav-format'
import { decodePcm } from './wav-pcm'
import type { FloatArray } from '../../common/nd-array'
import type { ByteSource } from './bytes'
import type { Chunk } from './wav-chunks'
import type { PcmFormat } from './wav-pcm'

/** A recording: its samples are the array `[channels, frames]`, −1…1. */
export interface WavFile extends FloatArray {
  /** Frames in a second. */
  readonly sampleRate: number
  readonly channels: number
  /** Samples of each channel; channel c is `data.subarray(c * frames, (c + 1) * frames)`. */
  readonly frames: number
  /** Bits of one sample in the file. */
  readonly bitsPerSample: number
  /** How a sample is written in the file. */
  readonly encoding: 'integer' | 'float'
}

const PIECE = 2 ** 19 //     bytes that are read, and made samples of in one turn of the event loop

/**
 * Reads a WAV file into memory: integers of 8, 16, 24 or 32 bits, floats of 32 or 64, any number of channels, also as
 * WAVE_FORMAT_EXTENSIBLE, RF64 and BW64. Chunks other than format and data are skipped. Integers become −1…1, the
 * lowest being −1.
 *
 * Lengths in the header that are wrong are no error, as in libsndfile, sox and ffmpeg: data ends where the file ends
 * when the header says more, or says 0 because its recorder was killed. A frame that is not whole is left out.
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, is malformed, or compressed, and for one that says
 * it has samples and has not one whole frame: `details` has `path`, `offset`, `expected` and `actual`.
 */
export async function readWav(path: string | URL): Promise<WavFile> {
  return withFile(checkPath(path), async (file) => {
    const { start, length, format } = await findSamples(file)
    return readSamples(file, start, length, format)
  })
}

const HEAD = 4096 //         bytes in which a header usually is

/** What a WAV file says of its samples, which are not read. */
export async function readWavHeader(path: string): Promise<Pick<WavFile, 'channels' | 'frames' | 'sampleRate'>> {
  return withFile(path, async (file) => {
    const { length, format } = await findSamples(await withHead(file, HEAD))
    const { channels, sampleRate, bits } = format
    return { channels, frames: Math.floor((8 * length) / (channels * bits)), sampleRate }
  })
}

interface Samples {
  /** Where they lie in the file, in bytes. */
  readonly start: number
  readonly length: number
  readonly format: PcmFormat
}

async function findSamples(file: ByteSource): Promise<Samples> {
  const chunks = await ChunkReader.open(file)
  let format: PcmFormat | undefined
  for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) {
    const { id, start } = chunk
    if (id === 'data') {
      if (format === undefined) {
        throw fileError({ ...file.place, offset: start - CHUNK_BYTES }, "the chunk 'fmt ' before the data", "'data'")
      }
      const length = await dataLength(file, chunks, chunk)
      if (length + chunk.length > 0) checkFrame(file, chunk, length, format)
      return { start, length, format }
    }
    await chunks.skip(chunk)
    if (id === 'fmt ') {
      const bytes = await file.read(start, Math.min(chunk.length, MAX_FORMAT_BYTES))
      format = toFormat({ ...file.place, offset: start }, Buffer.from(bytes))
    }
  }
  const missing = `a chunk '${format === undefined ? 'fmt ' : 'data'}'`
  throw fileError({ ...file.place, offset: file.length }, missing, 'the end of the file')
}

/** How many bytes of data there are, whatever the header says. */
async function dataLength(file: ByteSource, chunks: ChunkReader, chunk: Chunk): Promise<number> {
  const there = file.length - chunk.start
  if (chunk.length > there) return there //                a pipe, or a file that is cut off
  if (chunk.length > 0) return chunk.length
  return (await endsInChunks(chunks, chunk)) ? 0 : there // a recorder that was killed
}

/** Whether other chunks, and nothing else, follow on a chunk: so it is truly empty. */
async function endsInChunks(chunks: ChunkReader, empty: Chunk): Promise<boolean> {
  try {
    for (let chunk: Chunk | undefined = empty; chunk !== undefined; chunk = await chunks.next())
      await chunks.skip(chunk)
    return true
  } catch (error) {
    if (error instanceof ZoetropeError) return false
    throw error
  }
}

/** Data that is said to be there, and is not, must not pass for an empty recording. */
function checkFrame({ place }: ByteSource, { start }: Chunk, length: number, { channels, bits }: PcmFormat): void {
  const frameBytes = (channels * bits) / 8
  if (length >= frameBytes) return
  throw fileError({ ...place, offset: start }, `a whole frame of ${frameBytes} bytes`, `${length} bytes`)
}

async function readSamples(file: ByteSource, start: number, length: number, format: PcmFormat): Promise<WavFile> {
  const { sampleRate, channels, bits, isFloat } = format
  const place = { ...file.place, offset: start }
  const frameBytes = (channels * bits) / 8
  const frames = Math.floor(length / frameBytes)
  const data = allocate(place, Float32Array, channels * frames)
  const piece = Math.max(1, Math.floor(PIECE / frameBytes))
  for (let first = 0; first < frames; first += piece) {
    const count = Math.min(piece, frames - first)
    const bytes = await file.read(start + first * frameBytes, count * frameBytes)
    decodePcm(bytes, format, { data, frames }, first)
  }
  const encoding = isFloat ? 'float' : 'integer'
  return { data, shape: [channels, frames], sampleRate, channels, frames, bitsPerSample: bits, encoding }
}
