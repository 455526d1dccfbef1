/** What the `target` of a manifest's clip says: numbers, or a string of labels. */
import { describe } from '../common/checks'
import { listOf } from '../common/list'
import { fileError } from '../data/readers/file-error'
import type { Place } from '../data/readers/file-error'

/** A target, before it is known what those of the other clips are. */
export interface ManifestTarget {
  /** As it stands there, as labels. */
  readonly labels: readonly string[]
  /** As numbers, where it can be; of a list a list. */
  readonly numbers: number | readonly number[] | undefined
  /** Whether it can only be a string of labels: several in a text, or an array with texts in it. */
  readonly isString: boolean
}

/** An entry whose target is read. */
interface Targeted {
  readonly place: Place
  readonly target: ManifestTarget | undefined
}

const EXPECTED = "a number, labels parted by spaces, or an array, in 'target'"

/** A number; a text of labels that spaces part, or of a JSON array; in JSON also an array. */
export function readTarget(value: unknown, place: Place): ManifestTarget | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw fileError(place, EXPECTED, describe(value))
    return { labels: [String(value)], numbers: value, isString: false }
  }
  if (typeof value === 'string') return ofText(value.trim(), place)
  const list = Array.isArray(value) ? listOf(value) : undefined
  if (list === undefined) throw fileError(place, EXPECTED, describe(value))
  return ofList(
    Array.from({ length: list.length }, (_, index) => list.at(index)),
    place,
  )
}

function ofText(text: string, place: Place): ManifestTarget {
  if (text.startsWith('[')) {
    const list = parsed(text, place)
    return { ...ofList(list, place), isString: true }
  }
  if (text === '') return { labels: [], numbers: undefined, isString: true } //   JSON; a .csv leaves it out
  const labels = text.split(/\s+/)
  const number = Number(text)
  return { labels, numbers: Number.isFinite(number) ? number : undefined, isString: labels.length > 1 }
}

function parsed(text: string, place: Place): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw fileError(place, "an array as JSON in 'target'", describe(text), cause)
  }
  if (Array.isArray(value)) return value
  throw fileError(place, "an array as JSON in 'target'", describe(text))
}

function ofList(list: readonly unknown[], place: Place): ManifestTarget {
  const numbers = list.filter((entry) => typeof entry === 'number' && Number.isFinite(entry))
  const texts = list.filter((entry) => typeof entry === 'string' && entry !== '')
  if (numbers.length + texts.length < list.length) throw fileError(place, EXPECTED, describe(list))
  const isAllNumbers = numbers.length === list.length
  return {
    labels: list.map(String),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all of them are
    numbers: isAllNumbers ? (numbers as number[]) : undefined,
    isString: !isAllNumbers,
  }
}

/**
 * Whether the targets are strings of labels, all of them: one of them can be nothing else, or lists of whole numbers have
 * different lengths. Fractions are no labels, and a single word is no number.
 */
export function areStrings(entries: readonly Targeted[]): boolean {
  const targets = entries.flatMap(({ target, place }) => (target === undefined ? [] : [{ target, place }]))
  const lengths = new Set(targets.map(({ target: { numbers } }) => (typeof numbers === 'object' ? numbers.length : -1)))
  const isString = lengths.size > 1 || targets.some(({ target }) => target.isString)
  const wrong = targets.find(({ target }) => (isString ? hasFraction(target) : target.numbers === undefined))
  if (wrong === undefined) return isString
  const remedy = isString
    ? 'labels, which have no fractions and no sign,'
    : `${EXPECTED} (the one class of a clip is its 'label')`
  throw fileError(wrong.place, remedy, describe(wrong.target.labels.join(' ')))
}

function hasFraction({ labels }: ManifestTarget): boolean {
  return labels.map(Number).some((number) => Number.isFinite(number) && (number < 0 || !Number.isInteger(number)))
}
