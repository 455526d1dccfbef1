/** Answers about files, for people and for machines. */
import { percent, short } from '../../report/figures'
import type { AnyCnnLstm } from '../../model/cnn-lstm'

/** One answer of any head. */
interface AnyAnswer {
  readonly label?: string | undefined
  readonly labels?: readonly string[] | undefined
  readonly probabilities?: Float32Array
  readonly values?: Float32Array
  /** Of a string of labels. */
  readonly text?: string | undefined
  readonly confidence?: number
}

/** Classes that are shown behind the first. */
const MOST_CLASSES = 3

const NO_NUMBERS = 'no answer: the clip has values that are not numbers'

/** A line for people: `wave 93.1 % (nod 4.2 %, point 2.7 %)`. */
export function answerText({ classes, config }: AnyCnnLstm, answer: unknown): string {
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  const texts = list.map((one) => oneText(classes, config.head.kind, asAnswer(one)))
  return texts.length === 1 ? (texts[0] ?? '') : stretches(texts).join(', ')
}

/** The same for machines: numbers by the names of their classes. */
export function answerFacts(model: AnyCnnLstm, answer: unknown): object {
  if (Array.isArray(answer)) return { frames: answer.map((one) => oneFacts(model, asAnswer(one))) }
  return oneFacts(model, asAnswer(answer))
}

function asAnswer(answer: unknown): AnyAnswer {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an answer of one of the heads
  return answer as AnyAnswer
}

function oneText(classes: readonly string[], kind: string, answer: AnyAnswer): string {
  const { labels, probabilities, values, text, confidence } = answer
  if (values !== undefined) return [...values].map(short).join(', ')
  if (kind === 'ctc') {
    if (text === undefined) return NO_NUMBERS
    return `${labels?.length === 0 ? 'no label' : text} (${percent(confidence ?? NaN)})`
  }
  const shares = [...(probabilities ?? [])]
  const named = (index: number): string => `${classes[index] ?? index} ${percent(shares[index] ?? NaN)}`
  if (kind === 'multiLabel') {
    const found = classes.flatMap((label, index) => (labels?.includes(label) === true ? [named(index)] : []))
    return found.length > 0 ? found.join(', ') : 'no label'
  }
  if (shares.some(Number.isNaN)) return NO_NUMBERS
  const order = shares.map((_, index) => index).toSorted((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0))
  const [first = 0, ...others] = order.slice(0, 1 + MOST_CLASSES)
  return others.length > 0 ? `${named(first)} (${others.map(named).join(', ')})` : named(first)
}

/** Answers per frame: the same ones in a row are told once. */
function stretches(texts: readonly string[]): string[] {
  const plain = texts.map((text) => text.split(' (', 1)[0]?.replace(/ [\d.]+ %/g, '') ?? '')
  const found: { readonly text: string; readonly from: number; to: number }[] = []
  for (const [frame, text] of plain.entries()) {
    const last = found.at(-1)
    if (last?.text === text) last.to = frame
    else found.push({ text, from: frame, to: frame })
  }
  return found.map(({ text, from, to }) => `${from === to ? `frame ${from}` : `frames ${from}–${to}`}: ${text}`)
}

function oneFacts({ classes }: AnyCnnLstm, answer: AnyAnswer): object {
  const { label, labels, probabilities, values, text, confidence } = answer
  return {
    ...(label !== undefined && { label }),
    ...(labels !== undefined && { labels }),
    ...(text !== undefined && { text }),
    ...(confidence !== undefined && { confidence }),
    ...(probabilities && { probabilities: Object.fromEntries(classes.map((name, at) => [name, probabilities[at]])) }),
    ...(values && { values: [...values] }),
  }
}
