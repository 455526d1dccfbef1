const CLEAR_LINE = '\r\u001B[2K'
const INTERVAL = 100 //           milliseconds between two drawings: fast enough to look alive
const DEFAULT_COLUMNS = 80

/** One line that shows how far a pass has come, and leaves no trace when it is done. Only on a terminal. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream | undefined
  readonly #title: string
  #drawnAt = -Infinity

  /** @param isWanted - The user's `progress` option. */
  constructor(title: string, isWanted: boolean) {
    this.#title = title
    this.#stream = isWanted && process.stdout.isTTY ? process.stdout : undefined
  }

  /** Whether anybody sees it. */
  get isShown(): boolean {
    return this.#stream !== undefined
  }

  update({ step, steps, loss, accuracy, notes = [], samplesPerSecond }: ProgressState): void {
    const now = performance.now()
    if (this.#stream === undefined || now - this.#drawnAt < INTERVAL) return
    this.#drawnAt = now
    const parts = [`${this.#title} ${step}${steps === undefined ? '' : `/${steps}`}`]
    if (loss !== undefined) parts.push(`loss ${loss.toFixed(4)}`)
    if (accuracy !== undefined && !Number.isNaN(accuracy)) parts.push(`accuracy ${accuracy.toFixed(3)}`)
    parts.push(...notes)
    parts.push(`${Math.round(samplesPerSecond)} samples/s`)
    const text = parts.join(' · ').slice(0, (this.#stream.columns || DEFAULT_COLUMNS) - 1)
    this.#stream.write(`${CLEAR_LINE}${text}`)
  }

  clear(): void {
    if (this.#drawnAt !== -Infinity) this.#stream?.write(CLEAR_LINE)
  }
}

/** The contents of the progress line. */
export interface ProgressState {
  readonly step: number
  readonly steps: number | undefined
  readonly loss: number | undefined
  readonly accuracy: number | undefined
  /** What else is to be said. */
  readonly notes?: readonly string[] | undefined
  readonly samplesPerSecond: number
}
