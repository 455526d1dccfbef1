/** Every code a {@link ZoetropeError} can carry. The list is closed; `docs/errors.md` explains each one. */
export const ERROR_CODES = [
  'ERR_INVALID_CONFIG',
  'ERR_SHAPE_MISMATCH',
  'ERR_DEVICE_UNAVAILABLE',
  'ERR_OUT_OF_MEMORY',
  'ERR_NON_FINITE_LOSS',
  'ERR_CHECKPOINT',
  'ERR_DATA',
  'ERR_DISPOSED',
  'ERR_NATIVE_LOAD',
  'ERR_INTERNAL',
] as const

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number]

/**
 * An error of data, a device, a file or the model. Wrong arguments are a plain `TypeError` or `RangeError` instead.
 */
export class ZoetropeError extends Error {
  override readonly name = 'ZoetropeError'
  /** What went wrong, for programs. */
  readonly code: ErrorCode
  /** The facts behind the message, by name: `expected`, `actual`, `step`, `path`, `index` and so on. */
  readonly details: Readonly<Record<string, unknown>>

  /** An error as Zoetrope throws it. A program may make its own, for example in a dataset's `get`. */
  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

/** A failure as it crosses the border. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** The result of a native call. Errors cross the border as data. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; failure: Failure }

/** The value of a native call, or its failure thrown as a {@link ZoetropeError}. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value
  const { code, message, details } = outcome.failure
  throw new ZoetropeError(isErrorCode(code) ? code : 'ERR_INTERNAL', message, details)
}

function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code)
}
