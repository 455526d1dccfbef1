/** Whether a package holds what was packed: its manifest has the size and SHA-256 of every library. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asObject, readObject } from './json'
import type { Location } from './locate'

const CHUNK = 1 << 22

/** Files of a package and what their manifest says of them. */
interface Packed {
  readonly folder: string
  readonly manifest: string
}

/**
 * What is wrong with the packages' files by their sizes alone, in words; takes less than a millisecond. A library that was
 * cut off ends the process when it is opened, so it is looked for before.
 */
export function findWrongSize(location: Location): string | undefined {
  return firstOf(packagesOf(location), ({ folder, manifest }) => compare(folder, manifest, () => true))
}

/** What is wrong with the packages' files, in words; `undefined` where nothing is. Takes a second. */
export function findDamage(location: Location): string | undefined {
  const compareSums = ({ folder, manifest }: Packed): string | undefined =>
    compare(folder, manifest, (file, sha256) => hashOf(file) === sha256)
  return findWrongSize(location) ?? firstOf(packagesOf(location), compareSums)
}

/** What npm did not install is its owner's affair. */
function packagesOf({ from, addon, libtorch }: Location): Packed[] {
  if (from === 'clone') return []
  const packages: Packed[] = []
  if (from === 'package') packages.push({ folder: dirname(addon), manifest: join(dirname(addon), 'manifest.json') })
  if (libtorch?.from === 'package') {
    packages.push({ folder: libtorch.folder, manifest: join(libtorch.folder, '..', 'manifest.json') })
  }
  return packages
}

function compare(folder: string, manifest: string, isSame: (file: string, sha256: unknown) => boolean) {
  const files = asObject(readObject(manifest)?.['files'])
  if (files === undefined) return `${manifest} is missing or unreadable`
  for (const [name, described] of Object.entries(files)) {
    const { bytes, sha256 } = asObject(described) ?? {}
    const file = join(folder, name)
    try {
      const found = statSync(file, { throwIfNoEntry: false })?.size
      if (found === undefined) return `${file} is missing`
      if (found !== bytes) return `${file} has ${found} bytes instead of ${String(bytes)}`
      if (!isSame(file, sha256)) return `${file} is not the one that was packed (its SHA-256 differs)`
    } catch (error) {
      return `${file} cannot be read (${error instanceof Error ? error.message : String(error)})`
    }
  }
  return undefined
}

function firstOf<T>(values: readonly T[], problemOf: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const problem = problemOf(value)
    if (problem !== undefined) return problem
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
