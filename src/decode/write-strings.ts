/** Label strings of a `sequence` head: the loop around the file of its decoder's step, by the definitions of the native half. */
import { likeliest } from './answers.js'
import { logSoftmax } from './probabilities.js'
import { joinLabels } from './text.js'
import type { OnnxMetadata } from './metadata.js'

/** As much of a tensor of `onnxruntime-web` or `onnxruntime-node` as is read here. */
export interface OnnxTensor {
  readonly data: unknown
  readonly dims: readonly number[]
}

/** As much of an `InferenceSession` as is used here. */
export interface OnnxSession<Tensor extends OnnxTensor> {
  readonly inputNames: readonly string[]
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
}

/** How strings are written. */
export interface WriteOptions<Tensor extends OnnxTensor> {
  /** The class of tensors of the runtime whose sessions are used. */
  readonly Tensor: new (type: 'int32', data: Int32Array, dims: readonly number[]) => Tensor
  /** Most labels of a string. Default the head's `maxLength`. */
  readonly maxLength?: number
}

/** A string of labels that a decoder has written. */
export interface WrittenString<Label extends string = string> {
  /** Names of classes, in order. */
  readonly labels: readonly Label[]
  /** The labels as one text: side by side, or with spaces where a name has more than one character. */
  readonly text: string
  /**
   * The natural logarithm of the string's probability, its end included. `NaN`, with no labels, where inputs or weights are
   * not finite.
   */
  readonly score: number
}

/** A string on its way. */
interface Writing {
  readonly tokens: number[]
  score: number
  isDone: boolean
}

const NEXT = 'next_'

/**
 * The string of each clip, as `model.generate()` writes it greedily: each token the most probable one after those before it.
 *
 * @param decoder - A session of the decoder's file, `….decoder.onnx`.
 * @param memory - What the session of the other file gave for the clips, and the `lengths` that it took, where it has some.
 * @param metadata - Of either file, by `readOnnxMetadata()`.
 * @throws {RangeError} For files of another head, or of other classes.
 *
 * @example
 * ```ts
 * import { InferenceSession, Tensor } from 'onnxruntime-node'
 * import { readFile } from 'node:fs/promises'
 * import { readOnnxMetadata, writeStrings } from 'zoetrope/decode'
 *
 * export async function read(data: Float32Array, shape: number[], lengths: number[]) {
 *   const encoder = await InferenceSession.create('digits.onnx')
 *   const decoder = await InferenceSession.create('digits.decoder.onnx')
 *   const feeds = { clips: new Tensor(data, shape), lengths: new Tensor('int32', lengths, [lengths.length]) }
 *   const memory = { ...(await encoder.run(feeds)), lengths: feeds.lengths }
 *   const strings = await writeStrings(decoder, memory, readOnnxMetadata(await readFile('digits.onnx')), { Tensor })
 *   return strings.map(({ text }) => text)
 * }
 * ```
 */
export async function writeStrings<Tensor extends OnnxTensor>(
  decoder: OnnxSession<Tensor>,
  memory: Readonly<Record<string, Tensor>>,
  { classes, config }: Pick<OnnxMetadata, 'classes' | 'config'>,
  { Tensor, maxLength = maxLengthOf(config) }: WriteOptions<Tensor>,
): Promise<WrittenString[]> {
  if (!Number.isInteger(maxLength) || maxLength < 1) {
    throw new RangeError(`Expected a positive integer for \`maxLength\`, received ${String(maxLength)}`)
  }
  const [batch = 0] = memory['hidden']?.dims ?? []
  const strings = Array.from({ length: batch }, (): Writing => ({ tokens: [], score: 0, isDone: false }))
  const boundary = classes.length
  const isRead = ([name]: readonly [string, Tensor]): boolean => decoder.inputNames.includes(name)
  let feeds = Object.fromEntries(Object.entries(memory).filter(isRead))
  while (strings.some(({ isDone }) => !isDone)) {
    const read = Int32Array.from(strings, ({ tokens }) => tokens.at(-1) ?? boundary)
    // oxlint-disable-next-line no-await-in-loop -- each step reads what the one before has written
    const results = await decoder.run({ ...feeds, tokens: new Tensor('int32', read, [batch]) })
    const logits = rows(results['logits'], batch, boundary + 1)
    for (const [clip, string] of strings.entries()) goOn(string, logits[clip] ?? new Float32Array(), maxLength)
    const states = Object.entries(results).filter(([name]) => name.startsWith(NEXT))
    feeds = { ...feeds, ...Object.fromEntries(states.map(([name, state]) => [name.slice(NEXT.length), state])) }
  }
  return strings.map(({ tokens, score }) => {
    const labels = tokens.flatMap((token) => classes[token] ?? [])
    return { labels, text: joinLabels(labels, classes), score }
  })
}

/** Takes a string's most probable token: a label, or its end, which comes after the last label in any case. */
function goOn(string: Writing, logits: Float32Array, maxLength: number): void {
  if (string.isDone) return
  const logarithms = logSoftmax(logits)
  if (logarithms.some(Number.isNaN)) {
    string.tokens.length = 0
    string.score = Number.NaN
    string.isDone = true
    return
  }
  const boundary = logits.length - 1
  const token = string.tokens.length === maxLength ? boundary : likeliest(logits)
  string.score += logarithms[token] ?? Number.NaN
  if (token === boundary) string.isDone = true
  else string.tokens.push(token)
}

/** The logits of each clip. */
function rows(logits: OnnxTensor | undefined, batch: number, outputs: number): Float32Array[] {
  const data = logits?.data
  if (!(data instanceof Float32Array) || data.length !== batch * outputs) {
    throw new RangeError(`Expected a decoder of ${outputs - 1} classes, received another file`)
  }
  return Array.from({ length: batch }, (_, clip) => data.subarray(clip * outputs, (clip + 1) * outputs))
}

function maxLengthOf(config: Readonly<Record<string, unknown>>): number {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- exportOnnx() wrote it
  const { sequence } = (config['head'] ?? {}) as { readonly sequence?: { readonly maxLength?: number } }
  if (sequence?.maxLength !== undefined) return sequence.maxLength
  throw new RangeError('Expected the metadata of a `sequence` head, received those of another one')
}
