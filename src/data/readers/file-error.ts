import { reasonOf } from '../../common/checks'
import { ZoetropeError } from '../../errors'

/** Where in a file something is. */
export interface Place {
  readonly path: string
  /** The file inside the zip at `path`, in which `offset` counts. */
  readonly entry?: string
  /** In bytes, from 0. */
  readonly offset?: number
  /** From 1. */
  readonly line?: number
}

/** `ERR_DATA` for a file that is not as it must be: "Expected … at byte 6 of 'clips.npy', received …". */
export function fileError(place: Place, expected: string, actual: string, cause?: unknown): ZoetropeError {
  return new ZoetropeError(
    'ERR_DATA',
    `Expected ${expected} ${formatPlace(place)}, received ${actual}`,
    { ...place, expected, actual },
    cause === undefined ? undefined : { cause },
  )
}

/**
 * `ERR_DATA` for a file that the system does not give out, with the system's own reason, such as "ENOENT: no such file
 * or directory". The system's error is the `cause`.
 */
export function unreadable(place: Place, cause: unknown): ZoetropeError {
  if (cause instanceof ZoetropeError) return cause
  return fileError(place, 'to read the file', reasonOf(cause), cause)
}

/** `1f 8b 08 00` */
export function formatBytes(bytes: Uint8Array): string {
  return bytes.length === 0 ? 'nothing' : Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

function formatPlace({ path, entry, offset, line }: Place): string {
  const file = entry === undefined ? `'${path}'` : `'${entry}' in '${path}'`
  if (offset !== undefined) return `at byte ${offset} of ${file}`
  return line === undefined ? `in ${file}` : `in line ${line} of ${file}`
}
