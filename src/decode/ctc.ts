/** Label strings from the outputs of a `ctc` head, by the definitions of the native half. */
import { align } from './alignment.js'
import { likeliest } from './answers.js'
import { searchBeam } from './beam-search.js'
import { logSoftmax } from './probabilities.js'
import { Strings } from './strings.js'
import { joinLabels } from './text.js'

/** The frames of one label: `from`, and those after it up to `to - 1`. */
export interface CtcSpan<Label extends string = string> {
  readonly label: Label
  /** Its first frame. */
  readonly from: number
  /** The frame after its last. */
  readonly to: number
}

/** How label strings are found. */
export interface CtcOptions {
  /** Strings that are followed at a time. Default 1: the best path, the likeliest output of each frame. */
  readonly beams?: number
}

/** A string of labels. */
export interface LabelString<Label extends string = string> {
  /** In order; `undefined` where an output is not a number. */
  readonly labels: readonly Label[] | undefined
  /** The names joined: without anything between where each is one character, else by spaces. */
  readonly text: string | undefined
  /** The probability of the string: the sum over all paths that read as it. `NaN` where an output is not a number. */
  readonly confidence: number
  /** The frames of each label on the string's likeliest path. */
  readonly spans: readonly CtcSpan<Label>[]
}

const NONE = { labels: undefined, text: undefined, confidence: Number.NaN, spans: [] } as const

/**
 * The label string of one clip.
 *
 * One beam reads the best path. Several are followed by prefix beam search, and the answer is the likeliest of the strings
 * that searches of 2, 4, … up to so many beams find, the best path's among them: more beams never find a less likely one.
 *
 * @param logits - `[frames, classes + 1]`, the blank first: the clip's own frames of the output `logits`.
 * @throws {RangeError} For logits that are no whole number of frames, or beams that are no positive whole number.
 *
 * @example
 * ```ts
 * import { decodeCtc } from 'zoetrope/decode'
 *
 * const logits = Float32Array.of(0, 4, 0, 4, 0, 0, 0, 4, 0) // 3 frames: a, blank, a
 * console.log(decodeCtc(logits, ['a', 'b'], { beams: 8 }).labels) // [ 'a', 'a' ]
 * ```
 */
export function decodeCtc<Label extends string>(
  logits: Float32Array,
  classes: readonly Label[],
  { beams = 1 }: CtcOptions = {},
): LabelString<Label> {
  const outputs = classes.length + 1
  if (logits.length % outputs !== 0) {
    throw new RangeError(
      `Expected frames of ${outputs} logits, one for each class and the blank, received ${logits.length}`,
    )
  }
  if (!Number.isInteger(beams) || beams < 1) {
    throw new RangeError(`Expected a positive integer for \`beams\`, received ${String(beams)}`)
  }
  const frames = Array.from({ length: logits.length / outputs }, (_, frame) =>
    logits.subarray(frame * outputs, (frame + 1) * outputs),
  )
  const rows = frames.map(logSoftmax)
  if (rows.some((row) => row.some(Number.isNaN))) return NONE
  const strings = new Strings()
  const nodes = [strings.insert(bestPath(frames))]
  for (let width = 2; width <= beams; width *= 2) nodes.push(...searchBeam(strings, rows, width))
  const scored = nodes.map((node) => ({ node, score: strings.logProbability(node, rows) }))
  const best = scored.reduce((most, other) => (other.score > most.score ? other : most)) // of equal ones the first
  const found = strings.labels(best.node)
  const labels = found.flatMap((label) => classes[label] ?? [])
  return {
    labels,
    text: joinLabels(labels, classes),
    confidence: Math.exp(best.score),
    spans: align(found, rows).flatMap(({ from, to }, at) => {
      const label = labels[at]
      return label === undefined ? [] : [{ label, from, to }]
    }),
  }
}

/** The likeliest output of each frame: equal ones in a row are one label, blanks are none. */
function bestPath(frames: readonly Float32Array[]): number[] {
  const path = frames.map(likeliest)
  return path.filter((output, frame) => output > 0 && output !== path[frame - 1]).map((output) => output - 1)
}
