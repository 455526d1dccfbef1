/** What a command says: text for people, lines of JSON for machines, or nothing. */

/** How a command is to say things. */
export interface TerminalOptions {
  readonly quiet?: boolean | undefined
  readonly json?: boolean | undefined
}

const CLEAR_LINE = '\r\u001B[2K'
/** Milliseconds between two drawings of the live line. */
const INTERVAL = 100
const DEFAULT_COLUMNS = 80

export class Terminal {
  readonly #isQuiet: boolean
  readonly #isJson: boolean
  #hasLine = false
  #drawnAt = -Infinity

  constructor({ quiet = false, json = false }: TerminalOptions) {
    this.#isQuiet = quiet
    this.#isJson = json
  }

  /** Whether people read along. */
  get isText(): boolean {
    return !this.#isQuiet && !this.#isJson
  }

  /** A line, or several, for people. */
  say(text: string): void {
    if (!this.isText) return
    this.clear()
    process.stdout.write(`${text}\n`)
  }

  /** An event for machines: one line of JSON with its name. Numbers that JSON does not have are null. */
  tell(event: string, facts: object): void {
    if (this.#isJson) process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`)
  }

  /** Something to know, whatever was asked for: it goes to the standard error. */
  warn(text: string): void {
    this.clear()
    if (!this.#isQuiet) process.stderr.write(`${text}\n`)
  }

  /** A line that shows how far things are, and is replaced by the next. Only on a terminal. */
  draw(makeText: () => string): void {
    const now = performance.now()
    if (!this.isText || !process.stderr.isTTY || now - this.#drawnAt < INTERVAL) return
    this.#drawnAt = now
    this.#hasLine = true
    process.stderr.write(`${CLEAR_LINE}${makeText().slice(0, (process.stderr.columns || DEFAULT_COLUMNS) - 1)}`)
  }

  clear(): void {
    if (this.#hasLine) process.stderr.write(CLEAR_LINE)
    this.#hasLine = false
  }
}

/** A table whose rows are printed one by one: numbers to the right, words to the left. */
export class Table {
  readonly #widths: readonly number[]
  readonly #headings: readonly string[]

  constructor(headings: readonly string[]) {
    this.#headings = headings
    this.#widths = headings.map((heading) => Math.max(heading.length, 8))
  }

  get head(): string {
    return this.row(this.#headings)
  }

  row(cells: readonly string[]): string {
    return cells
      .map((cell, column) => cell.padStart(this.#widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  }
}
