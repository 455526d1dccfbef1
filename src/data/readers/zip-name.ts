import { TextDecoder } from 'node:util'

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What DOS called the bytes from 128 on (code page 437), which are a zip's names unless they are UTF-8. */
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0'

/**
 * The name of a file in a zip, folders parted by `/`. Windows programs write `\` in between. Programs of macOS write
 * UTF-8 without saying so: bytes that are UTF-8 are taken for it, others for code page 437.
 */
export function decodeZipName(bytes: Uint8Array): string {
  return decode(bytes).replaceAll('\\', '/')
}

function decode(bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : CP437[byte - 128])).join('')
  }
}
