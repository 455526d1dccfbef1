/** Tables of numbers in .csv and .tsv files. */
import { checkOneOf, checkOptions, checkPath, checkString, describe, rangeError, typeError } from '../../common/checks'
import { withFile } from './bytes'
import { readRows, SEPARATORS } from './csv-rows'
import { fileError } from './file-error'
import type { FloatArray } from '../../common/nd-array'
import type { CsvRow, Separator } from './csv-rows'
import type { Place } from './file-error'

/** Options of {@link readCsv}. */
export interface ReadCsvOptions {
  /** The columns to read, by name, or by number from 0 where the file has no header. Default all. */
  readonly columns?: readonly string[] | undefined
  /** What stands for a missing value: a number, or the value before it in its column. Default a missing value is refused. */
  readonly missing?: number | 'previous' | undefined
  /** What parts the fields; `' '` for any number of spaces. Default what the first row has most of. */
  readonly separator?: ',' | ';' | '\t' | '|' | ' ' | undefined
}

/** Rows of numbers: the array `[rows, columns]`. */
export interface CsvFile extends FloatArray {
  /** The names in the header; `'0'`, `'1'`, … where there is none. */
  readonly columns: readonly string[]
  /** Names of columns that have one value in every row. */
  readonly constant: readonly string[]
  /** How many values were missing. */
  readonly missing: number
}

interface Settings {
  readonly columns: readonly string[] | undefined
  readonly missing: number | 'previous' | undefined
}

/** Fields that stand for no value. */
const MISSING = new Set(['', '?', 'na', 'n/a', 'nan', 'null', 'none', '-'])
const DECIMAL_COMMA = /^[+-]?\d+,\d+(e[+-]?\d+)?$/i
const MOST_COLUMNS = 2 ** 16
const FIRST_VALUES = 1024

/**
 * Reads a table of numbers: a header or none, fields parted by comma, semicolon, tab, bar or spaces, in quotes or not.
 * Where semicolons or tabs part fields, `1,5` is a number. Empty lines, and lines that begin with `#`, are left out. The
 * first row is a header where one of its fields is neither a number nor missing.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {RangeError} For a value out of range.
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, has no row of numbers, rows of different lengths,
 * text among its numbers, or lacks a column: `details` has `path`, `line`, `expected` and `actual`.
 */
export async function readCsv(path: string | URL, options: ReadCsvOptions = {}): Promise<CsvFile> {
  const given = checkOptions(options, 'options', ['columns', 'missing', 'separator'])
  const separator = given.separator === undefined ? undefined : checkOneOf(given.separator, 'separator', SEPARATORS)
  const settings = { columns: checkNames(given.columns), missing: checkMissing(given.missing) }
  return withFile(checkPath(path), async (file) => {
    let table: Table | undefined
    for await (const { row, separator: found } of readRows(file, separator)) {
      if (table === undefined) table = new Table(row, found, settings)
      else table.add(row)
    }
    if (table === undefined) throw fileError(file.place, 'rows of numbers', 'an empty file')
    return table.finish(file.place)
  })
}

class Table {
  readonly #separator: Separator
  readonly #missing: Settings['missing']
  readonly #columns: readonly string[]
  readonly #width: number
  /** The place in a row of each column. */
  readonly #places: readonly number[]
  readonly #isConstant: boolean[]
  #data = new Float32Array(FIRST_VALUES)
  #rows = 0
  #missed = 0

  constructor(first: CsvRow, separator: Separator, { columns, missing }: Settings) {
    const { fields, place } = first
    this.#separator = separator
    this.#missing = missing
    this.#width = fields.length
    if (fields.length > MOST_COLUMNS) throw fileError(place, `at most ${MOST_COLUMNS} columns`, `${fields.length}`)
    const hasHeader = fields.some((field) => !isMissing(field) && Number.isNaN(this.#number(field)))
    const names = fields.map((field, index) => (hasHeader ? field : String(index)))
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) throw fileError(place, 'columns of different names', `${describe(twice)} twice`)
    this.#columns = columns ?? names
    this.#places = this.#columns.map((name) => {
      const found = names.indexOf(name)
      if (found >= 0) return found
      throw fileError(place, `a column ${describe(name)}`, names.slice(0, 20).join(', '))
    })
    this.#isConstant = this.#columns.map(() => true)
    if (!hasHeader) this.add(first)
  }

  add({ fields, place }: CsvRow): void {
    if (fields.length !== this.#width) throw fileError(place, `${this.#width} fields`, `${fields.length}`)
    const width = this.#places.length
    this.#reserve((this.#rows + 1) * width)
    const start = this.#rows * width
    for (const [column, at] of this.#places.entries()) {
      const value = this.#read(fields[at] ?? '', column, place)
      this.#data[start + column] = value
      if (this.#data[column] !== this.#data[start + column]) this.#isConstant[column] = false
    }
    this.#rows++
  }

  finish(place: Place): CsvFile {
    const width = this.#places.length
    if (this.#rows === 0) throw fileError(place, 'rows of numbers', 'a header alone')
    return {
      data: this.#data.slice(0, this.#rows * width),
      shape: [this.#rows, width],
      columns: this.#columns,
      constant: this.#columns.filter((_, column) => this.#isConstant[column] === true),
      missing: this.#missed,
    }
  }

  #read(field: string, column: number, place: Place): number {
    const name = describe(this.#columns[column])
    if (!isMissing(field)) {
      const value = this.#number(field)
      if (Number.isFinite(value)) return value
      throw fileError(place, `a number in column ${name}`, describe(field))
    }
    this.#missed++
    if (typeof this.#missing === 'number') return this.#missing
    if (this.#missing === 'previous' && this.#rows > 0) {
      return this.#data[(this.#rows - 1) * this.#places.length + column] ?? 0
    }
    const remedy = this.#missing === undefined ? '; `missing` sets what stands for it' : ', and no value before it'
    throw fileError(place, `a number in column ${name}`, `${describe(field)}: a missing value${remedy}`)
  }

  #number(field: string): number {
    const isDecimalComma = this.#separator !== ',' && DECIMAL_COMMA.test(field)
    return field === '' ? NaN : Number(isDecimalComma ? field.replace(',', '.') : field)
  }

  #reserve(length: number): void {
    if (length <= this.#data.length) return
    const larger = new Float32Array(Math.max(length, 2 * this.#data.length))
    larger.set(this.#data)
    this.#data = larger
  }
}

function isMissing(field: string): boolean {
  return MISSING.has(field.toLowerCase())
}

function checkNames(columns: readonly string[] | undefined): readonly string[] | undefined {
  if (columns === undefined) return undefined
  if (!Array.isArray(columns)) throw typeError('an array of names', 'columns', columns)
  const names = Array.from<unknown, string>(columns, (name, index) => checkString(name, `columns[${index}]`))
  if (names.length > 0 && names.length <= MOST_COLUMNS) return names
  throw rangeError(`1 to ${MOST_COLUMNS} names`, 'columns', columns)
}

function checkMissing(missing: number | 'previous' | undefined): number | 'previous' | undefined {
  if (missing === undefined || missing === 'previous') return missing
  if (typeof missing !== 'number') throw typeError("a number or 'previous'", 'missing', missing)
  if (Number.isFinite(missing)) return missing
  throw rangeError("a finite number or 'previous'", 'missing', missing)
}
