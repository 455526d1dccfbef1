/** Every answer of a model to a dataset, beside what would have been right. */
import { createHash } from 'node:crypto'
import { isAnswerKind } from './answer-kind'
import { AbortScope } from '../common/abort'
import { elements } from '../common/nd-array'
import { DataLoader } from '../data/data-loader'
import { timeOf } from '../data/shapes'
import { Turns } from '../data/scan'
import type { Batch } from '../data/collate'
import type { Dataset } from '../data/dataset'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/**
 * Answers of one pass, one for each clip or each valid frame, in the order of the dataset. Of a head whose answers are
 * not looked at one by one there are lengths and hash alone.
 */
export interface Answers {
  /** Numbers in an answer. */
  readonly outputs: number
  /** Clips. */
  readonly samples: number
  /** Which clip an answer is of, `[answers]`. */
  readonly sampleOf: Uint32Array
  /** Probabilities, or the numbers of a regression, `[answers, outputs]`. */
  readonly values: Float32Array
  /** Index of the class, `[answers]`; of other heads `[answers, outputs]`. */
  readonly targets: Float32Array
  /** Valid frames, `[samples]`. */
  readonly lengths: Uint32Array
  /** SHA-256 of the clips' shapes, valid values and targets: which data this was. */
  readonly hash: string
}

/** Numbers that are kept: 256 MiB. */
const MOST_NUMBERS = 2 ** 26

/** Reads the dataset once. Of a very large one the first clips are answered, as many as `samples` says. */
export async function answersOf(
  model: AnyCnnLstm,
  dataset: Dataset,
  { batchSize, signal }: { readonly batchSize: number; readonly signal: AbortSignal | undefined },
): Promise<Answers> {
  const { head } = model.config
  const isClasses = head.kind === 'classification'
  const isPerFrame = head.per === 'frame'
  const outputs = isAnswerKind(head.kind) ? model.numOutputs : 0
  const [values, targets, sampleOf, lengths]: [Float32Array[], Float32Array[], number[], number[]] = [[], [], [], []]
  const hash = createHash('sha256')
  const turns = new Turns(signal)
  const abort = new AbortScope(signal)
  let kept = 0
  try {
    for await (const batch of new DataLoader(dataset, { batchSize })) {
      const answers = await abort.race(probabilities(model, batch, outputs))
      const [count = 0] = batch.inputs.shape
      const time = isPerFrame ? timeOf(batch.inputs.shape) : 1
      const each = elements(batch.targetShape) / count
      for (let clip = 0; clip < count; clip++) {
        await turns.take()
        const frames = batch.lengths?.[clip] ?? timeOf(batch.inputs.shape)
        hash.update(bytesOf(batch, clip, frames))
        lengths.push(frames)
        if (outputs === 0) continue
        const rows = isPerFrame ? frames : 1
        const size = isClasses ? 1 : outputs
        const from = clip * time * outputs
        values.push(answers.slice(from, from + rows * outputs))
        const ofClip = Float32Array.from(batch.targets.subarray(clip * each, clip * each + rows * size))
        targets.push(ofClip)
        for (let row = 0; row < rows; row++) sampleOf.push(lengths.length - 1)
        hash.update(new Uint8Array(ofClip.buffer))
        kept += rows * outputs
      }
      if (kept > MOST_NUMBERS) break
    }
  } finally {
    abort.release()
  }
  return {
    outputs,
    samples: lengths.length,
    sampleOf: Uint32Array.from(sampleOf),
    values: joined(values),
    targets: joined(targets),
    lengths: Uint32Array.from(lengths),
    hash: hash.digest('hex'),
  }
}

/** The numbers of all answers of a batch, `[batch, outputs]` or `[batch, time, outputs]` with padding. */
async function probabilities(model: AnyCnnLstm, { inputs, lengths }: Batch, outputs: number): Promise<Float32Array> {
  if (outputs === 0) return new Float32Array(0)
  const answers: readonly unknown[] = await model.predict(inputs, lengths && { lengths })
  const time = model.config.head.per === 'frame' ? timeOf(inputs.shape) : 1
  const numbers = new Float32Array(answers.length * time * outputs)
  for (const [clip, answer] of answers.entries())
    for (const [frame, one] of (Array.isArray(answer) ? answer : [answer]).entries())
      numbers.set(numbersOf(one), (clip * time + frame) * outputs)
  return numbers
}

/** The probabilities or values of one answer. */
export function numbersOf(answer: unknown): Float32Array {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an answer of one of the heads
  const { probabilities: shares, values } = answer as { probabilities?: Float32Array; values?: Float32Array }
  return shares ?? values ?? new Float32Array(0)
}

/** The valid frames of a clip. */
function bytesOf({ inputs }: Batch, clip: number, frames: number): Uint8Array {
  const { data, shape } = inputs
  const place = elements(shape.slice(1))
  const valid = (place / timeOf(shape)) * frames
  const { BYTES_PER_ELEMENT: size } = data
  return new Uint8Array(data.buffer, data.byteOffset + clip * place * size, valid * size)
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let place = 0
  for (const part of parts) {
    whole.set(part, place)
    place += part.length
  }
  return whole
}
