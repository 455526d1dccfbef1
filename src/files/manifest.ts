/** Manifests: a list of clips in a .csv or .jsonl file, with paths relative to it. */
import { extname } from 'node:path'
import { describe } from '../common/checks'
import { withFile } from '../data/readers/bytes'
import { readRows } from '../data/readers/csv-rows'
import { fileError } from '../data/readers/file-error'
import { readLines } from '../data/readers/lines'
import { Pace } from '../data/readers/pieces'
import { areStrings, readTarget } from './manifest-target'
import type { OpenFile } from '../data/readers/bytes'
import type { Place } from '../data/readers/file-error'
import type { ManifestTarget } from './manifest-target'

/** One clip of a manifest. */
export interface ManifestEntry {
  readonly place: Place
  /** As it stands there. */
  readonly path: string
  readonly label: string | undefined
  readonly target: number | readonly number[] | undefined
  /** The string of labels, where targets are such. */
  readonly labels: readonly string[] | undefined
  readonly from: number | undefined
  readonly to: number | undefined
  readonly group: string | undefined
}

const FIELDS = ['path', 'label', 'target', 'from', 'to', 'group']
const MOST_ENTRIES = 2 ** 24
const PIECE = 2 ** 15

/** Whether a path is a manifest's. */
export function isManifest(path: string): boolean {
  return ['.csv', '.tsv', '.jsonl', '.ndjson'].includes(extname(path).toLowerCase())
}

/** An entry as it stands alone. */
type Read = Omit<ManifestEntry, 'target' | 'labels'> & { readonly target: ManifestTarget | undefined }

/**
 * Reads a manifest. Every entry has a path, and all of them a label, or all a target: a number, an array of numbers, or a
 * string of labels.
 */
export async function readManifest(path: string): Promise<readonly ManifestEntry[]> {
  const isText = ['.csv', '.tsv'].includes(extname(path).toLowerCase())
  return withFile(path, async (file) => {
    const entries: Read[] = []
    for await (const entry of isText ? fromCsv(file) : fromJsonLines(file)) {
      if (entries.length >= MOST_ENTRIES) throw fileError(entry.place, `at most ${MOST_ENTRIES} clips`, 'more')
      const [first = entry] = entries
      if ((entry.label === undefined) !== (first.label === undefined)) {
        throw fileError(entry.place, 'a label for every clip, or a target for every clip', 'both kinds')
      }
      entries.push(entry)
    }
    if (entries.length === 0) throw fileError(file.place, 'clips', 'none')
    const isString = areStrings(entries)
    return entries.map(({ target, ...entry }) => ({
      ...entry,
      target: isString ? undefined : target?.numbers,
      labels: isString ? target?.labels : undefined,
    }))
  })
}

async function* fromCsv(file: OpenFile): AsyncGenerator<Read, void> {
  let names: readonly string[] | undefined
  for await (const { row } of readRows(file)) {
    const { fields, place } = row
    if (names === undefined) {
      names = fields.map((field) => field.toLowerCase())
      checkHeader(names, place)
      continue
    }
    if (fields.length !== names.length) throw fileError(place, `${names.length} fields`, `${fields.length}`)
    const values = new Map<string, unknown>()
    for (const [index, name] of names.entries()) if (fields[index] !== '') values.set(name, fields[index])
    yield entryOf(values, place)
  }
}

function checkHeader(names: readonly string[], place: Place): void {
  const isComplete = names.includes('path') && (names.includes('label') || names.includes('target'))
  if (!isComplete) throw fileError(place, "a header with 'path', and 'label' or 'target'", names.join(', '))
  const unknown = names.find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) throw fileError(place, `the columns ${FIELDS.join(', ')}`, describe(unknown))
}

async function* fromJsonLines(file: OpenFile): AsyncGenerator<Read, void> {
  const pace = new Pace(PIECE)
  let number = 0
  for await (const bytes of readLines(file)) {
    const place = { ...file.place, line: ++number }
    await pace.spend(bytes.length)
    const text = bytes.toString('utf8').trim()
    if (text === '') continue
    yield entryOf(objectOf(text, place), place)
  }
}

function objectOf(text: string, place: Place): Map<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw fileError(place, 'an object as JSON', describe(text), cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fileError(place, 'an object as JSON', describe(value))
  }
  const values = new Map<string, unknown>(Object.entries(value).filter(([, entry]) => entry !== null))
  const unknown = [...values.keys()].find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) throw fileError(place, `the keys ${FIELDS.join(', ')}`, describe(unknown))
  return values
}

function entryOf(values: ReadonlyMap<string, unknown>, place: Place): Read {
  const path = values.get('path')
  if (typeof path !== 'string' || path === '') throw fileError(place, "a path in 'path'", describe(path))
  const [label, group] = [textOf(values, 'label', place), textOf(values, 'group', place)]
  const target = readTarget(values.get('target'), place)
  if (label === undefined && target === undefined) throw fileError(place, "a 'label' or a 'target'", 'neither')
  if (label !== undefined && target !== undefined) throw fileError(place, "a 'label' or a 'target'", 'both')
  const [from, to] = [timeOf(values, 'from', place), timeOf(values, 'to', place)]
  if (from !== undefined && to !== undefined && to <= from) throw fileError(place, `'to' above 'from' ${from}`, `${to}`)
  return { place, path, label, target, from, to, group }
}

function textOf(values: ReadonlyMap<string, unknown>, name: string, place: Place): string | undefined {
  const value = values.get(name)
  if (value === undefined || typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw fileError(place, `text in '${name}'`, describe(value))
}

function timeOf(values: ReadonlyMap<string, unknown>, name: string, place: Place): number | undefined {
  const value = values.get(name)
  if (value === undefined) return undefined
  const time = typeof value === 'string' ? Number(value) : value
  if (typeof time === 'number' && Number.isFinite(time) && time >= 0) return time
  throw fileError(place, `a number from 0 in '${name}'`, describe(value))
}
