import { fileError } from './file-error'
import { inPieces, PIECE } from './pieces'
import type { Place } from './file-error'

/** The most characters of one value of NumPy's text. */
export const MAX_CHARACTERS = 2 ** 16

/** Strings take some 30 bytes each, in the part of memory that Node keeps small. */
const MAX_TEXTS = 2 ** 24

/** NumPy's text, `characters` UCS-4 codes for each value, as strings. */
export async function decodeText(codes: Uint32Array, characters: number, place: Place): Promise<readonly string[]> {
  const count = codes.length / characters
  if (count > MAX_TEXTS) throw fileError(place, `at most ${MAX_TEXTS} values of text`, `${count}`)
  const texts: string[] = []
  const decode = (start: number, end: number): void => {
    for (let at = start; at < end; at++) texts.push(toText(codes.subarray(at * characters, (at + 1) * characters)))
  }
  await inPieces(count, decode, Math.max(1, Math.floor(PIECE / 16 / characters)))
  return texts
}

/** Text ends at its first trailing zero; a number that is no character becomes U+FFFD. */
function toText(codes: Uint32Array): string {
  let end = codes.length
  while (end > 0 && codes[end - 1] === 0) end--
  let characters = ''
  for (let at = 0; at < end; at++) characters += toCharacter(codes[at] ?? 0)
  return characters
}

function toCharacter(code: number): string {
  return String.fromCodePoint(code <= 0x10ffff ? code : 0xfffd)
}
