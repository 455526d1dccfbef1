/** A picture as a PNG file (W3C Recommendation, third edition): 8 bits of red, green and blue, one block of pixels. */
import { promisify } from 'node:util'
import { crc32, deflate } from 'node:zlib'
import type { Picture } from './picture'

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const COLOUR_TYPE_RGB = 2
const BITS = 8
/** The filter "Sub": each byte less the one a pixel before. */
const FILTER_SUB = 1
const CHANNELS = 3

const compress = promisify(deflate)

/** The bytes of the file. Compressing is done by Node's own threads. */
export async function png({ width, height, pixels }: Picture): Promise<Buffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([BITS, COLOUR_TYPE_RGB], 8)
  const compressed = await compress(filtered(pixels, width * CHANNELS, height))
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', compressed), chunk('IEND', Buffer.alloc(0))])
}

/** The file as an address that a page carries in itself. */
export async function pngAddress(picture: Picture): Promise<string> {
  return `data:image/png;base64,${(await png(picture)).toString('base64')}`
}

function filtered(pixels: Uint8Array, rowBytes: number, rows: number): Uint8Array {
  const lines = new Uint8Array(rows * (rowBytes + 1))
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * rowBytes, row * (rowBytes + 1)]
    lines[to] = FILTER_SUB
    for (let at = 0; at < rowBytes; at++) {
      const before = at < CHANNELS ? 0 : (pixels[from + at - CHANNELS] ?? 0)
      lines[to + 1 + at] = (pixels[from + at] ?? 0) - before //  a byte keeps the rest of a division by 256
    }
  }
  return lines
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length)
  bytes.writeUInt32BE(data.length, 0)
  bytes.write(type, 4, 'latin1')
  bytes.set(data, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length)
  return bytes
}
