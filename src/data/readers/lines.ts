import type { OpenFile } from './bytes'

const CHUNK = 2 ** 18
const NEWLINE = 0x0a

/** The lines of a text file, read bit by bit, without their ends (`\n` or `\r\n`) and without a byte-order mark. */
export async function* readLines(file: OpenFile): AsyncGenerator<string, void> {
  let [pieces, isFirst]: [Uint8Array[], boolean] = [[], true]
  const line = (): string => {
    const text = Buffer.concat(pieces).toString('utf8').replace(/\r$/, '')
    pieces = []
    const plain = isFirst ? text.replace(/^\uFEFF/, '') : text
    isFirst = false
    return plain
  }
  for (let at = 0; at < file.length; at += CHUNK) {
    const bytes = await file.read(at, Math.min(CHUNK, file.length - at))
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      pieces.push(bytes.subarray(start, end))
      yield line()
      start = end + 1
    }
    if (start < bytes.length) pieces.push(bytes.subarray(start))
  }
  if (pieces.length > 0) yield line()
}
