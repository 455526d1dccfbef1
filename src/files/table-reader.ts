/** Clips of sensor rows. */
import { checkColumns, checkMissing } from '../config/preprocessing'
import { readCsv } from '../data/readers/csv'
import { takeRows } from './reader'
import { stepsOf } from './timing'
import type { InputOptions } from '../config/input'
import type { TablePreprocessing, TimingPreprocessing } from '../config/preprocessing'
import type { CsvFile } from '../data/readers/csv'
import type { ClipFile } from './form'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ClipLength } from './timing'

/** What the first table says about all of them. */
export async function tablePreprocessing(
  own: Readonly<Record<string, unknown>>,
  timing: TimingPreprocessing,
  first: ClipFile,
): Promise<TablePreprocessing> {
  const missing = own.missing === undefined ? null : checkMissing(own.missing, 'missing')
  const wanted = own.columns === undefined ? undefined : checkColumns(own.columns, 'columns')
  const { columns } = await readCsv(first.path, { columns: wanted, missing: missing ?? undefined })
  return { kind: 'table', ...timing, columns, missing }
}

/** Reads tables that have certain columns. */
export class TableReader implements ClipReader {
  readonly preprocessing: TablePreprocessing
  readonly input: InputOptions
  readonly isWhole = true
  /** Columns that had one value in every table so far, and that value. */
  readonly #constant = new Map<string, number>()
  #hasRead = false

  constructor(preprocessing: TablePreprocessing) {
    this.preprocessing = preprocessing
    this.input = { features: preprocessing.columns.length }
  }

  /** Names of columns that had the same value in every row of every table that was read. */
  get constant(): readonly string[] {
    return [...this.#constant.keys()]
  }

  async measure(file: ClipFile): Promise<ClipLength> {
    const { shape } = await this.#read(file)
    return this.#length(this.#steps(file, shape[0] ?? 1))
  }

  async read(file: ClipFile, choose: Choose): Promise<ReadClip> {
    const { data, shape } = await this.#read(file)
    const steps = this.#steps(file, shape[0] ?? 1)
    const length = this.#length(steps)
    return {
      array: takeRows(
        { data, shape },
        choose(length).map((step) => steps[step] ?? 0),
      ),
      length,
    }
  }

  async #read({ path }: ClipFile): Promise<CsvFile> {
    const { columns, missing } = this.preprocessing
    const table = await readCsv(path, { columns, missing: missing ?? undefined })
    const constant = new Map(table.constant.map((name) => [name, table.data[columns.indexOf(name)] ?? 0]))
    if (!this.#hasRead) for (const [name, value] of constant) this.#constant.set(name, value)
    for (const [name, value] of this.#constant) if (constant.get(name) !== value) this.#constant.delete(name)
    this.#hasRead = true
    return table
  }

  #length({ length: steps }: Uint32Array): ClipLength {
    return { steps, rate: this.preprocessing.rate ?? undefined }
  }

  #steps({ path }: ClipFile, rows: number): Uint32Array {
    return stepsOf(path, rows, this.preprocessing.rate ?? undefined, this.preprocessing)
  }
}
