/** Rows of text in .csv and .tsv files, as RFC 4180 has them and as spreadsheets write them. */
import { fileError } from './file-error'
import { readLines } from './lines'
import { Pace } from './pieces'
import type { OpenFile } from './bytes'
import type { Place } from './file-error'

/** One row of a file. */
export interface CsvRow {
  readonly place: Place
  /** Without quotes, and without spaces around. */
  readonly fields: readonly string[]
}

/** What parts the fields; `' '` stands for any number of spaces. */
export type Separator = ',' | ';' | '\t' | '|' | ' '

export const SEPARATORS: readonly Separator[] = [',', ';', '\t', '|', ' ']

const PIECE = 2 ** 15 //       bytes of text that are read in one turn of the event loop
const COST_OF_A_ROW = 64 //    the work of a row without its text, in bytes
const MAX_ROW = 2 ** 24 //     bytes of a row; text with a quote that is never closed ends here
const COMMENT = '#'

/**
 * The rows of a file, without empty lines and those that begin with `#`. Where no separator is given, the first row
 * tells: the one of comma, semicolon, tab and bar that comes most often outside of quotes, else spaces.
 */
export async function* readRows(
  file: OpenFile,
  given?: Separator,
): AsyncGenerator<{ readonly row: CsvRow; readonly separator: Separator }, void> {
  const pace = new Pace(PIECE)
  let [separator, text, number, first] = [given, '', 0, 0]
  for await (const bytes of readLines(file)) {
    number++
    await pace.spend(COST_OF_A_ROW + bytes.length)
    const place = { ...file.place, line: number }
    if (text.length + bytes.length > MAX_ROW) throw fileError(place, `a row of at most ${MAX_ROW} bytes`, 'more')
    const line = decode(place, bytes)
    if (text === '' && (line.trim() === '' || line.startsWith(COMMENT))) continue
    if (text === '') first = number
    text = text === '' ? line : `${text}\n${line}`
    if (!isClosed(text)) continue
    separator ??= separatorOf(text)
    yield { row: { place: { ...file.place, line: first }, fields: fieldsOf(text, separator) }, separator }
    text = ''
  }
  if (text !== '') throw fileError({ ...file.place, line: first }, 'the end of a quoted field', 'the end of the file')
}

function decode(place: Place, bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (text.includes('\0')) throw fileError(place, 'text in UTF-8', 'bytes of 0, as in UTF-16')
  return text.endsWith('\r') ? text.slice(0, -1) : text
}

/** Whether every quote has its partner: else a field goes on in the next line. */
function isClosed(text: string): boolean {
  let quotes = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++
  return quotes % 2 === 0
}

function separatorOf(text: string): Separator {
  const plain = text.replace(/"[^"]*"/g, '')
  let best: Separator = ' '
  let most = 0
  for (const candidate of ['\t', ';', ',', '|'] as const) {
    const count = plain.split(candidate).length - 1
    if (count > most) [best, most] = [candidate, count]
  }
  return most > 0 || /\S +\S/.test(plain.trim()) ? best : ','
}

function fieldsOf(text: string, separator: Separator): string[] {
  if (!text.includes('"'))
    return separator === ' ' ? text.trim().split(/ +/) : text.split(separator).map((field) => field.trim())
  const fields: string[] = []
  let [field, isQuoted] = ['', false]
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    if (character === '"' && isQuoted && text[at + 1] === '"') {
      field += character //                         two quotes inside of quotes are one
      at++
    } else if (character === '"') isQuoted = !isQuoted
    else if (character === separator && !isQuoted) {
      fields.push(field.trim())
      field = ''
    } else field += character
  }
  fields.push(field.trim())
  return separator === ' ' ? fields.filter((value) => value !== '') : fields
}
