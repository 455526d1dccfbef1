import { ZoetropeError } from 'zoetrope'
import type { ExecutionContext } from 'ava'
import type { ErrorCode } from 'zoetrope'

/** Expects the call to fail, by throwing or by rejecting, with a {@link ZoetropeError} of this code; returns it. */
export async function failsWith(t: ExecutionContext, code: ErrorCode, call: () => unknown): Promise<ZoetropeError> {
  const error = await failureOf(call)
  if (!(error instanceof ZoetropeError)) throw new Error(`Expected a ZoetropeError, received ${String(error)}`)
  t.is(error.code, code, error.message)
  t.is(error.name, 'ZoetropeError')
  return error
}

/** Expects a plain `TypeError` or `RangeError` whose message matches. */
export async function refuses(
  t: ExecutionContext,
  kind: typeof TypeError | typeof RangeError,
  message: RegExp,
  call: () => unknown,
): Promise<void> {
  const error = await failureOf(call)
  if (!(error instanceof Error)) throw new Error(`Expected an error, received ${String(error)}`)
  t.is(error.name, kind.name, error.message)
  t.regex(error.message, message)
}

/** Any value where the types would not let it through. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the parameter is the point
export function untyped<T>(value: unknown): T {
  return value as T
}

async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  return 'no error'
}
