/** Whether a libtorch package holds what was packed: its manifest has the size and SHA-256 of every library. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { asObject, readObject } from './json'

const CHUNK = 1 << 22

/** What is wrong with the libraries of a package, in words; `undefined` where nothing is. Takes a second. */
export function findDamage(folder: string): string | undefined {
  const path = join(folder, '..', 'manifest.json')
  const files = asObject(readObject(path)?.['files'])
  if (files === undefined) return `${path} is missing or unreadable`
  for (const [name, described] of Object.entries(files)) {
    const { bytes, sha256 } = asObject(described) ?? {}
    const file = join(folder, name)
    const found = statSync(file, { throwIfNoEntry: false })?.size
    if (found === undefined) return `${file} is missing`
    if (found !== bytes) return `${file} has ${found} bytes instead of ${String(bytes)}`
    if (hashOf(file) !== sha256) return `${file} is not the one that was packed (its SHA-256 differs)`
  }
  return undefined
}

function hashOf(file: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK)
  const descriptor = openSync(file, 'r')
  try {
    for (let read = readSync(descriptor, chunk); read > 0; read = readSync(descriptor, chunk)) {
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    closeSync(descriptor)
  }
  return hash.digest('hex')
}
