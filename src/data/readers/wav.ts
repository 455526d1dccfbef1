import { checkPath } from '../../common/checks'
import { formatBytes, fileError } from './file-error'
import { withFile } from './bytes'
import { decodePcm } from './wav-pcm'
import type { FloatArray } from '../../common/nd-array'
import type { Place } from './file-error'
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

const PCM = 1
const FLOAT = 3
const EXTENSIBLE = 0xfffe
const HEADER_BYTES = 12
const CHUNK_BYTES = 8
const FORMAT_BYTES = 16
const EXTENSIBLE_BYTES = 40

/** Behind the two bytes of the format itself, every sub-format of WAVE_FORMAT_EXTENSIBLE that is read ends like this. */
const SUBFORMAT_REST = '00 00 00 00 10 00 80 00 00 aa 00 38 9b 71'

/**
 * Reads a WAV file into memory: integers of 8, 16, 24 or 32 bits, floats of 32 or 64, any number of channels, also as
 * WAVE_FORMAT_EXTENSIBLE. Chunks other than format and data are skipped. Integers become −1…1, the lowest being −1.
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, is cut off, malformed, or compressed: `details`
 * has `path`, `offset`, `expected` and `actual`.
 */
export async function readWav(path: string | URL): Promise<WavFile> {
  return withFile(checkPath(path), async (file) => parseWav(file.place, await file.read(0, file.length)))
}

function parseWav(place: Place, file: Uint8Array): WavFile {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const end = checkRiff(place, bytes)
  let format: PcmFormat | undefined
  for (let at = HEADER_BYTES; at < end;) {
    const here = { ...place, offset: at }
    if (at + CHUNK_BYTES > end) throw fileError(here, `a chunk's ${CHUNK_BYTES} bytes`, `${end - at}`)
    const [id, length] = [bytes.toString('latin1', at, at + 4), bytes.readUInt32LE(at + 4)]
    if (!/^[\x20-\x7e]{4}$/.test(id))
      throw fileError(here, 'the name of a chunk', formatBytes(bytes.subarray(at, at + 4)))
    at += CHUNK_BYTES
    if (length > end - at) throw fileError(here, `${length} bytes in chunk '${id}'`, `${end - at}`)
    const chunk = bytes.subarray(at, at + length)
    if (id === 'fmt ') format = toFormat({ ...place, offset: at }, chunk)
    if (id === 'data') {
      if (format === undefined) throw fileError(here, "the chunk 'fmt ' before the data", "'data'")
      return toWav({ ...place, offset: at }, chunk, format)
    }
    at += length + (length % 2) //                       a chunk of odd length is padded
  }
  throw fileError(
    { ...place, offset: end },
    `a chunk '${format === undefined ? 'fmt ' : 'data'}'`,
    'the end of the file',
  )
}

/** Checks the frame of the file and returns where it ends: what lies behind is no part of it. */
function checkRiff(place: Place, bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) {
    throw fileError({ ...place, offset: 0 }, `a WAV file's ${HEADER_BYTES} bytes or more`, `${bytes.length}`)
  }
  for (const [offset, expected] of [[0, 'RIFF'] as const, [8, 'WAVE'] as const]) {
    const found = bytes.subarray(offset, offset + 4)
    if (found.toString('latin1') !== expected)
      throw fileError({ ...place, offset }, `'${expected}'`, formatBytes(found))
  }
  const length = bytes.readUInt32LE(4)
  if (length > bytes.length - CHUNK_BYTES) {
    throw fileError({ ...place, offset: 4 }, `${length} bytes to follow (is the file cut off?)`, `${bytes.length - 8}`)
  }
  return length + CHUNK_BYTES
}

function toFormat(place: Place, chunk: Buffer): PcmFormat {
  if (chunk.length < FORMAT_BYTES)
    throw fileError(place, `a format of ${FORMAT_BYTES} bytes or more`, `${chunk.length}`)
  const [tag, channels, blockBytes, bits] = [
    readTag(place, chunk),
    chunk.readUInt16LE(2),
    chunk.readUInt16LE(12),
    chunk.readUInt16LE(14),
  ]
  const sampleRate = chunk.readUInt32LE(4)
  const widths = tag === FLOAT ? [32, 64] : [8, 16, 24, 32]
  if (!widths.includes(bits)) {
    const encoding = tag === FLOAT ? 'float' : 'integer'
    throw fileError(
      { ...place, offset: (place.offset ?? 0) + 14 },
      `${widths.join(', ')} bits per ${encoding}`,
      `${bits}`,
    )
  }
  if (channels === 0) throw fileError({ ...place, offset: (place.offset ?? 0) + 2 }, 'one channel or more', '0')
  if (sampleRate === 0) throw fileError({ ...place, offset: (place.offset ?? 0) + 4 }, 'a sample rate above 0', '0')
  if (blockBytes !== (channels * bits) / 8) {
    const expected = `${(channels * bits) / 8} bytes per frame for ${channels} × ${bits} bits`
    throw fileError({ ...place, offset: (place.offset ?? 0) + 12 }, expected, `${blockBytes}`)
  }
  return { isFloat: tag === FLOAT, sampleRate, channels, bits }
}

/** The format's number; that of WAVE_FORMAT_EXTENSIBLE is in its sub-format. */
function readTag(place: Place, chunk: Buffer): number {
  const tag = chunk.readUInt16LE(0)
  if (tag === PCM || tag === FLOAT) return tag
  if (tag !== EXTENSIBLE) throw fileError(place, 'format 1 (integers), 3 (floats) or 65534 (extensible)', `${tag}`)
  if (chunk.length < EXTENSIBLE_BYTES) {
    throw fileError(place, `an extensible format of ${EXTENSIBLE_BYTES} bytes`, `${chunk.length}`)
  }
  const [subformat, rest] = [chunk.readUInt16LE(24), formatBytes(chunk.subarray(26, EXTENSIBLE_BYTES))]
  if ((subformat === PCM || subformat === FLOAT) && rest === SUBFORMAT_REST) return subformat
  const offset = (place.offset ?? 0) + 24
  throw fileError({ ...place, offset }, 'the sub-format of integers or floats', formatBytes(chunk.subarray(24, 40)))
}

function toWav(place: Place, chunk: Buffer, format: PcmFormat): WavFile {
  const { sampleRate, channels, bits, isFloat } = format
  const frames = chunk.length / ((channels * bits) / 8)
  if (!Number.isInteger(frames)) {
    throw fileError(place, `whole frames of ${(channels * bits) / 8} bytes`, `${chunk.length} bytes`)
  }
  const data = decodePcm(chunk, format, frames)
  const encoding = isFloat ? 'float' : 'integer'
  return { data, shape: [channels, frames], sampleRate, channels, frames, bitsPerSample: bits, encoding }
}
