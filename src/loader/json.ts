/** JSON files that somebody may have changed: what is read from them is checked. */
import { readFileSync } from 'node:fs'

/** The object in a file; `undefined` where the file is missing, unreadable, or no JSON object. */
export function readObject(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return asObject(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : undefined
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
