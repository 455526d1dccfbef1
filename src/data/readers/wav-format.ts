import { fileError, formatBytes } from './file-error'
import type { Place } from './file-error'
import type { PcmFormat } from './wav-pcm'

const PCM = 1
const FLOAT = 3
const EXTENSIBLE = 0xfffe
const FORMAT_BYTES = 16
const EXTENSIBLE_BYTES = 40

/** The most bytes of a chunk `fmt ` that are looked at. */
export const MAX_FORMAT_BYTES = EXTENSIBLE_BYTES

/** Behind the two bytes of the format itself, every sub-format of WAVE_FORMAT_EXTENSIBLE that is read ends like this. */
const SUBFORMAT_REST = '00 00 00 00 10 00 80 00 00 aa 00 38 9b 71'

/** Reads the chunk `fmt `, which begins at `place`. */
export function toFormat(place: Place, chunk: Buffer): PcmFormat {
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
