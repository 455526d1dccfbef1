/** Label strings of clips: how they are asked for, and how they are told. */
import { checkInteger, checkOptions, checkString, describe, rangeError, typeError } from '../common/checks'
import { listOf } from '../common/list'
import { isSideBySide, joinLabels } from '../decode/text.js'
import type { NativeDecoding, NativeLabelString, NativeStrings } from '../native'

/** The frames of one label on the likeliest path through the clip: `from`, and those after it up to `to - 1`. */
export interface LabelSpan<Label extends string = string> {
  readonly label: Label
  /** The first frame, from 0. */
  readonly from: number
  /** The frame after the last. */
  readonly to: number
}

/** The labels of one clip, in the order of its frames. */
export interface LabelStringPrediction<Label extends string = string> {
  /**
   * The names of the labels. `undefined` where outputs are not numbers, or where no string of the lexicon fits into the
   * frames.
   */
  readonly labels: readonly Label[] | undefined
  /** The names joined: without anything between where each is one character, else by spaces. */
  readonly text: string | undefined
  /**
   * The probability of exactly these labels, 0…1: the sum over all paths through the frames that read as them. Over all
   * label strings it sums to 1. `NaN` where outputs are not numbers.
   */
  readonly confidence: number
  /** The frames of each label, in order. Frames between them are blank. */
  readonly spans: readonly LabelSpan<Label>[]
}

/** How the likeliest label string is searched. */
export interface BeamOptions<Label extends string = string> {
  /**
   * Strings that are followed at a time, by prefix beam search. 1 reads the best path, as `'greedy'`; others are rounded
   * down to a power of two. A wider beam never finds a less probable string. Default 16.
   */
  readonly beams?: number | undefined
  /**
   * The only strings that may be answers: lists of names, or texts as {@link LabelStringPrediction.text} gives them. Their
   * probabilities are computed exactly, whatever `beams` says.
   */
  readonly lexicon?: readonly (readonly Label[])[] | readonly string[] | undefined
  /**
   * Whether an answer may begin with these labels. It is asked in JavaScript, between searches, for every string that
   * comes among the best; a search is made again as long as it has met strings that may not be. Default: every string.
   */
  readonly allowed?: Allowed<Label>['allows'] | undefined
}

/** A method, so that a model of some labels is a model of any. */
interface Allowed<Label extends string> {
  allows(prefix: readonly Label[]): boolean
}

/** How `predict` finds label strings: the best path, or a search. */
export type Decode<Label extends string = string> = 'greedy' | BeamOptions<Label>

/** A checked {@link Decode}. */
export interface CheckedDecode {
  readonly beams: number
  readonly lexicon: readonly (readonly number[])[] | undefined
  readonly allowed: ((prefix: readonly string[]) => boolean) | undefined
}

const DEFAULT_BEAMS = 16
const MOST_BEAMS = 4096
/** Searches of one call. Each but the last has met strings that may not be. */
const MOST_SEARCHES = 10_000

export function checkDecode(decode: Decode | undefined, classes: readonly string[]): CheckedDecode {
  if (decode === undefined || decode === 'greedy') return { beams: 1, lexicon: undefined, allowed: undefined }
  if (typeof decode === 'string') throw rangeError("'greedy' or { beams, lexicon, allowed }", 'decode', decode)
  const { beams = DEFAULT_BEAMS, lexicon, allowed } = checkOptions(decode, 'decode', ['beams', 'lexicon', 'allowed'])
  if (allowed !== undefined && typeof allowed !== 'function') throw typeError('a function', 'decode.allowed', allowed)
  const width = checkInteger(beams, 'decode.beams', 1, MOST_BEAMS)
  const words = lexicon === undefined ? undefined : checkLexicon(lexicon, classes)
  if (words === undefined || allowed === undefined) return { beams: width, lexicon: words, allowed }
  const asked = new Permissions(allowed, classes)
  return { beams: width, lexicon: words.filter((string) => asked.allows(string)), allowed: undefined }
}

function checkLexicon(lexicon: unknown, classes: readonly string[]): number[][] {
  const strings = Array.isArray(lexicon) ? listOf(lexicon) : undefined
  if (strings === undefined) throw typeError('an array of label strings', 'decode.lexicon', lexicon)
  if (strings.length === 0) throw rangeError('at least one label string', 'decode.lexicon', lexicon)
  const indices = new Map(classes.map((name, index) => [name, index]))
  return Array.from({ length: strings.length }, (_, at) => {
    const [string, name] = [strings.at(at), `decode.lexicon[${at}]`]
    const labels = typeof string === 'string' ? splitText(string, classes) : listOf(string)
    if (labels === undefined) throw typeError('a text or an array of names', name, string)
    return Array.from({ length: labels.length }, (_each, place) => {
      const label = checkString(labels.at(place), `${name}[${place}]`)
      const index = indices.get(label)
      if (index === undefined) throw rangeError('the name of a class', `${name}[${place}]`, label)
      return index
    })
  })
}

function splitText(text: string, classes: readonly string[]): string[] {
  return isSideBySide(classes) ? Array.from(text) : text.split(' ').filter((label) => label !== '')
}

/** Reads the clips that a decoder has computed, again as long as it meets strings that may not be. */
export async function findStrings(
  decode: (decoding: NativeDecoding) => Promise<NativeLabelString[]>,
  { beams, lexicon, allowed }: CheckedDecode,
  classes: readonly string[],
): Promise<NativeLabelString[]> {
  const search = async (forbidden: readonly (readonly number[])[]): Promise<NativeLabelString[]> =>
    decode({
      beams,
      ...(lexicon && { lexicon: flatten(lexicon) }),
      forbidden: flatten(forbidden),
      keepsVisited: allowed !== undefined,
    })
  if (allowed === undefined) return search([])
  const permissions = new Permissions(allowed, classes)
  for (let searches = 0; searches < MOST_SEARCHES; searches++) {
    const before = permissions.forbidden.length
    const found = await search(permissions.forbidden)
    for (const { visited, labels } of found) {
      for (const string of stringsOf(visited)) permissions.allows(string)
      if (labels !== undefined) permissions.allows([...labels])
    }
    if (permissions.forbidden.length === before) return found
  }
  throw new RangeError(
    `Expected \`decode.allowed\` to allow a string within ${MOST_SEARCHES} searches, received ${permissions.forbidden.length} refusals; use a \`lexicon\``,
  )
}

/** What a user's function says of strings; each is asked for once, and none whose beginning is refused. */
class Permissions {
  readonly forbidden: (readonly number[])[] = []
  readonly #known = new Map<string, boolean>()
  readonly #allowed: (prefix: readonly string[]) => boolean
  readonly #classes: readonly string[]

  constructor(allowed: (prefix: readonly string[]) => boolean, classes: readonly string[]) {
    this.#allowed = allowed
    this.#classes = classes
  }

  allows(string: readonly number[]): boolean {
    let key = ''
    for (let length = 1; length <= string.length; length++) {
      key += `${string[length - 1]},`
      const known = this.#known.get(key) ?? this.#ask(string.slice(0, length))
      this.#known.set(key, known)
      if (!known) return false
    }
    return true
  }

  #ask(prefix: readonly number[]): boolean {
    const answer: unknown = this.#allowed(prefix.map((label) => this.#classes[label] ?? ''))
    if (typeof answer !== 'boolean') {
      throw new TypeError(`Expected a boolean from \`decode.allowed\`, received ${describe(answer)}`)
    }
    if (!answer) this.forbidden.push(prefix)
    return answer
  }
}

function flatten(strings: readonly (readonly number[])[]): NativeStrings {
  return { labels: Int32Array.from(strings.flat()), counts: Int32Array.from(strings, ({ length }) => length) }
}

function* stringsOf({ labels, counts }: NativeStrings): Generator<number[]> {
  let from = 0
  for (const count of counts) {
    yield [...labels.subarray(from, from + count)]
    from += count
  }
}

/** A native string by the names of its labels. */
export function toLabelString<Label extends string>(
  { labels, spans, probability }: NativeLabelString,
  classes: readonly Label[],
): LabelStringPrediction<Label> {
  if (labels === undefined) return { labels, text: undefined, confidence: probability, spans: [] }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- native code gives indices of the classes
  const names = Array.from(labels, (label) => classes[label] as Label)
  return {
    labels: names,
    text: joinLabels(names, classes),
    confidence: probability,
    spans: names.map((label, at) => ({ label, from: spans[2 * at] ?? 0, to: spans[2 * at + 1] ?? 0 })),
  }
}
