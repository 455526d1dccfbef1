import { fileError } from './file-error'
import type { OpenFile } from './bytes'

const CHUNK = 2 ** 18
const NEWLINE = 0x0a
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf)

/** The most bytes of one line. */
const MAX_LINE = 2 ** 28

/**
 * The lines of a text file, read bit by bit, as bytes without `\n` and without a byte-order mark.
 *
 * A line that ends in a later chunk than it began is read again, whole: so its pieces are never held and put together,
 * which would take the event loop long.
 */
export async function* readLines(file: OpenFile): AsyncGenerator<Buffer, void> {
  let [start, number] = [0, 1] //                          of the line
  for (let at = 0; at < file.length; at += CHUNK) {
    const chunk = asBuffer(await file.read(at, Math.min(CHUNK, file.length - at)))
    for (let from = 0, end = chunk.indexOf(NEWLINE); end >= 0; from = end + 1, end = chunk.indexOf(NEWLINE, from)) {
      checkLength(file, number, at + end - start)
      yield plain(start < at ? asBuffer(await file.read(start, at + end - start)) : chunk.subarray(from, end), number)
      start = at + end + 1
      number++
    }
    checkLength(file, number, at + chunk.length - start)
  }
  if (start < file.length) yield plain(asBuffer(await file.read(start, file.length - start)), number)
}

function checkLength(file: OpenFile, line: number, length: number): void {
  if (length <= MAX_LINE) return
  throw fileError({ ...file.place, line }, `at most ${MAX_LINE} bytes`, 'more, without an end of the line')
}

function plain(line: Buffer, number: number): Buffer {
  const isMarked = number === 1 && line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
  return isMarked ? line.subarray(BYTE_ORDER_MARK.length) : line
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
