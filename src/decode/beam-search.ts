/** Prefix beam search (Hannun and others, 2014), as `beam.rs` of the native half. */
import { ROOT, logAdd } from './strings.js'
import type { Strings } from './strings.js'

/** A string that is still in the race. */
interface Prefix {
  readonly node: number
  /** Logarithm of the mass of its paths that end with a blank. */
  readonly blank: number
  /** Of those that end with its last label. */
  readonly label: number
}

/** A string of the next frame: a prefix as it is, or with one label more. */
interface Candidate {
  readonly score: number
  /** The prefix's place. */
  readonly from: number
  /** The output that is added, 0 for none. */
  readonly output: number
}

/** The `width` strings that are left after the last frame, of rows of log-probabilities, the blank first. */
export function searchBeam(strings: Strings, rows: readonly Float64Array[], width: number): number[] {
  let beam: readonly Prefix[] = [{ node: ROOT, blank: 0, label: -Infinity }]
  for (const row of rows) {
    const places = new Map(beam.map(({ node }, place) => [node, place]))
    const stays = beam.map((prefix) => stay(strings, beam, places, prefix, row))
    const candidates = beam.flatMap((prefix, from) => [
      { score: logAdd(stays[from]?.blank ?? -Infinity, stays[from]?.label ?? -Infinity), from, output: 0 },
      ...extensions(strings, beam, prefix, from, row, 2 * width + 2),
    ])
    // Equal scores are in the order in which they were found, on every machine.
    candidates.sort((a, b) => compare(b.score, a.score) || a.from - b.from || a.output - b.output)
    beam = candidates
      .slice(0, width)
      .filter(({ score }) => score > -Infinity)
      .flatMap((candidate) => next(strings, beam, stays, candidate))
  }
  return beam.map(({ node }) => node)
}

/** The prefix one frame later, with what its parent's paths add where that is in the beam. */
function stay(
  strings: Strings,
  beam: readonly Prefix[],
  places: ReadonlyMap<number, number>,
  { node, blank, label }: Prefix,
  row: Float64Array,
): Prefix {
  const emptied = logAdd(blank, label) + (row[0] ?? -Infinity)
  if (node === ROOT) return { node, blank: emptied, label: -Infinity }
  const output = strings.output(node)
  const above = beam[places.get(strings.parent(node)) ?? -1]
  const added = above === undefined ? -Infinity : extension(strings, above, output, row)
  return { node, blank: emptied, label: logAdd(label + (row[output] ?? -Infinity), added) }
}

/** The strings with one of the likeliest labels more, but those that are in the beam: they have taken it into account. */
function extensions(
  strings: Strings,
  beam: readonly Prefix[],
  prefix: Prefix,
  from: number,
  row: Float64Array,
  most: number,
): Candidate[] {
  const taken = new Set(
    beam
      .filter(({ node }) => node !== ROOT && strings.parent(node) === prefix.node)
      .map(({ node }) => strings.output(node)),
  )
  return likeliest(row, most)
    .filter((output) => !taken.has(output))
    .map((output) => ({ score: extension(strings, prefix, output, row), from, output }))
}

/** The mass that goes from a prefix to the string with one label more. A repeated label needs a blank between. */
function extension(strings: Strings, { node, blank, label }: Prefix, output: number, row: Float64Array): number {
  const before = node !== ROOT && strings.output(node) === output ? blank : logAdd(blank, label)
  return before + (row[output] ?? -Infinity)
}

function next(
  strings: Strings,
  beam: readonly Prefix[],
  stays: readonly Prefix[],
  { score, from, output }: Candidate,
): Prefix[] {
  const [prefix, stayed] = [beam[from], stays[from]]
  if (prefix === undefined || stayed === undefined) return []
  return [output === 0 ? stayed : { node: strings.child(prefix.node, output), blank: -Infinity, label: score }]
}

/** The likeliest labels of a frame, from the first; the blank aside. */
function likeliest(row: Float64Array, most: number): number[] {
  const outputs = Array.from({ length: row.length - 1 }, (_, index) => index + 1)
  if (outputs.length <= most) return outputs
  return outputs.toSorted((a, b) => compare(row[b] ?? 0, row[a] ?? 0) || a - b).slice(0, most)
}

function compare(a: number, b: number): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
