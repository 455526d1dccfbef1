/** What a call may do with hostile arguments: work, or fail in words that the caller understands. */
import { types } from 'node:util'
import { ERROR_CODES, ZoetropeError } from 'zoetrope'
import { UserError, isThrown } from './values'

/** Something that should not have happened. */
export interface Finding {
  /** Calls or files. */
  readonly what: 'calls' | 'files'
  /** Number of the call or file: with the seed it can be replayed alone. */
  readonly index: number
  /** What was called, and how the arguments were changed. */
  readonly call: string
  readonly problem: string
}

/** How a call ended. */
export type Ending = { readonly value: unknown } | { readonly error: unknown }

const INTERNAL_WORDS =
  /undefined is not|Cannot read prop|Cannot destructure|Invalid typed array|Invalid array length|\bnapi\b|\bunwrap\b|panicked|Option::|libtorch internal|expected scalar type|is not a function|is not iterable|is not a constructor|Cannot convert|Cannot mix|\bserde\b|untagged enum|ERR_STRING_TOO_LONG|INTERNAL ASSERT|c10::|at::native|\.rs:\d+|std::|bad_alloc|null is not|detached ArrayBuffer|out of bounds access/i
/** Characters of a message: the fuzzer's longest strings a few times over. */
const LONGEST = 20_000
/** V8's own words where the fuzzer's object broke the rules itself. */
const FUZZERS_FAULT = /revoked|trap returned|trap result|'get' on proxy|'ownKeys' on proxy|Symbol\.toPrimitive|thenable/

/** What is wrong with an error that a call ended with; undefined for an error as it should be. */
export function problemOf(error: unknown): string | undefined {
  if (isThrown(error)) return undefined
  if (error instanceof UserError) return undefined
  if (!types.isNativeError(error)) return `threw no error but ${typeof error}`
  const { name, message } = error
  if (error instanceof ZoetropeError) {
    if (!ERROR_CODES.includes(error.code)) return `unknown code ${error.code}`
    if (error.code === 'ERR_INTERNAL') return `ERR_INTERNAL: ${message}`
  } else if (!(error instanceof TypeError || error instanceof RangeError)) {
    return `plain ${name} ${(error as { code?: string }).code ?? ''}: ${message}`
  }
  if (message.length > LONGEST) return `a message of ${message.length} characters: ${message.slice(0, 200)}`
  if (FUZZERS_FAULT.test(message)) return undefined
  const words = INTERNAL_WORDS.exec(message)
  return words === null ? undefined : `internal words "${words[0]}" in ${name}: ${message}`
}

/** The ending of a call, or undefined when it takes longer than `limit` milliseconds. */
export async function endingOf(call: () => unknown, limit: number): Promise<Ending | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, limit, undefined)))
  const ending = (async (): Promise<Ending> => {
    try {
      return { value: await call() }
    } catch (error) {
      return { error }
    }
  })()
  try {
    return await Promise.race([ending, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Rejections and errors that nobody caught, since the last look. */
export class Uncaught {
  #errors: unknown[] = []
  readonly #keep = (error: unknown): void => void this.#errors.push(error)

  constructor() {
    process.on('unhandledRejection', this.#keep)
    process.on('uncaughtException', this.#keep)
  }

  /** Their messages, after the event loop has come round. */
  async take(): Promise<string[]> {
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
    const messages = this.#errors.map(
      (error) => `unhandled: ${types.isNativeError(error) ? error.message : typeof error}`,
    )
    this.#errors = []
    return messages
  }

  close(): void {
    process.off('unhandledRejection', this.#keep)
    process.off('uncaughtException', this.#keep)
  }
}

/** How much of the event loop and of memory a call took. */
export class Meter {
  #turn = 0
  #last = performance.now()
  #peak = process.resourceUsage().maxRSS
  readonly #timer = setInterval(() => this.#tick(), 20)

  #tick(): void {
    const now = performance.now()
    this.#turn = Math.max(this.#turn, now - this.#last)
    this.#last = now
  }

  /** The longest turn (milliseconds) and the growth of the resident memory's peak (MiB) since the last look. */
  take(): { turn: number; growth: number } {
    this.#tick()
    const peak = process.resourceUsage().maxRSS
    const taken = { turn: this.#turn, growth: (peak - this.#peak) / 1024 }
    this.#turn = 0
    this.#peak = peak
    return taken
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** What calls and files are judged with. */
export interface Tools {
  readonly meter: Meter
  readonly uncaught: Uncaught
  /** Told what is about to be called: the last word of a process that the call ends. */
  readonly announce: (call: string) => void
}
