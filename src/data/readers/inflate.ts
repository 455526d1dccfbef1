import { pipeline } from 'node:stream/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { memory } from './bytes'
import { reasonOf } from '../../common/checks'
import { fileError } from './file-error'
import { allocate, inPieces } from './pieces'
import { ZoetropeError } from '../../errors'
import type { ByteSource } from './bytes'
import type { Place } from './file-error'

const CHUNK = 2 ** 18

interface Unpacked {
  readonly place: Place
  /** Bytes that must come out. */
  readonly size: number
  readonly crc: number
}

/**
 * Unpacks into memory. The work is done on Node's thread pool, chunk by chunk; exactly `size` bytes must come, with the
 * right checksum.
 */
export async function inflate(packed: ByteSource, { place, size, crc }: Unpacked): Promise<ByteSource> {
  const bytes = allocate(place, Uint8Array, size) //  the system hands out its pages as they are written
  const inflater = createInflateRaw({ chunkSize: CHUNK })
  let [length, sum] = [0, 0]
  try {
    await pipeline(chunks(packed), inflater, async (unpacked: AsyncIterable<Uint8Array>) => {
      for await (const chunk of unpacked) {
        if (length + chunk.length > size)
          throw fileError({ ...place, offset: size }, `the end after ${size} bytes`, 'more')
        bytes.set(chunk, length)
        sum = crc32(chunk, sum)
        length += chunk.length
      }
    })
  } catch (cause) {
    if (cause instanceof ZoetropeError) throw cause
    throw fileError({ ...place, offset: length }, 'deflated bytes', reasonOf(cause), cause)
  }
  if (length < size) throw fileError({ ...place, offset: length }, `${size} bytes`, `${length}`)
  checkCrc(place, crc, sum)
  return memory(bytes, place)
}

/** The bytes of an entry that was stored, read whole, with their checksum compared. */
export async function readStored(stored: ByteSource, crc: number): Promise<ByteSource> {
  const bytes = await stored.read(0, stored.length)
  let sum = 0
  await inPieces(bytes.length, (start, end) => (sum = crc32(bytes.subarray(start, end), sum)))
  checkCrc(stored.place, crc, sum)
  return memory(bytes, stored.place)
}

async function* chunks(source: ByteSource): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < source.length; at += CHUNK) yield source.read(at, Math.min(CHUNK, source.length - at))
}

function checkCrc(place: Place, expected: number, actual: number): void {
  const show = (sum: number): string => sum.toString(16).padStart(8, '0')
  if (actual !== expected)
    throw fileError(place, `checksum ${show(expected)}`, `${show(actual)}: the bytes have changed`)
}
