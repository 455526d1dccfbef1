/** Whether an exported file answers as its model does. */
import { Worker } from 'node:worker_threads'
import { join } from 'node:path'
import { hasOutputsPerFrame } from '../../config/head/kind'
import { likeliest } from '../../decode/answers.js'
import { sigmoid, softmax } from '../../decode/probabilities.js'
import type { AbortScope } from '../../common/abort'
import type { FloatArray } from '../../common/nd-array'
import type { HeadConfig } from '../../config/head'
import type { HeadKind } from '../../config/head/kind'
import type { RunOrder, RunResult } from './runner'

/** The largest relative difference that is taken for rounding. */
export const TOLERANCE = 1e-4
/** Two classes as near as that, of the largest logit, are equally good answers. */
const TIE = 1e-6

/** Heads whose answer is the class of the largest output. */
const CHOOSING: ReadonlySet<HeadKind> = new Set(['classification', 'ctc', 'sequence'])

/** How far a file is from its model. */
export interface Difference {
  /** The largest difference of an output, by the largest of the model's. */
  readonly largest: number
  /** How many answers name another class. */
  readonly otherAnswers: number
}

/** The path of onnxruntime-node for this package, or for the program that uses it; `undefined` where it is not installed. */
export function findRuntime(): string | undefined {
  try {
    return require.resolve('onnxruntime-node', { paths: [__dirname, process.cwd()] })
  } catch {
    return undefined
  }
}

/** Runs a file on a thread of its own, which an abort ends. */
export async function runFile(order: RunOrder, scope: AbortScope): Promise<RunResult> {
  const worker = new Worker(join(__dirname, 'runner.js'), { workerData: order })
  try {
    return await scope.race(
      new Promise<RunResult>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.once('exit', (code) => resolve({ failure: `it ended with code ${code}`, isRuntimeMissing: false }))
      }),
    )
  } finally {
    await worker.terminate()
  }
}

/**
 * The tokens that the decoder reads at each step, `[batch]` each, by the model's logits of `[batch, steps, outputs]`: the
 * boundary, which is the last output, then the most probable token of the step before.
 */
export function readTokens({ data, shape: [batch = 0, steps = 0, outputs = 1] }: FloatArray): Int32Array[] {
  const best = rows(data, outputs).map((row) => (row.some(Number.isNaN) ? 0 : likeliest(row)))
  return Array.from({ length: steps }, (_, step) =>
    Int32Array.from({ length: batch }, (_clip, clip) =>
      step === 0 ? outputs - 1 : (best[clip * steps + step - 1] ?? 0),
    ),
  )
}

/** Compares what the file gave for each probe with the model's raw outputs. */
export function compare(
  outputs: readonly Readonly<Record<string, Float32Array>>[],
  expected: readonly FloatArray[],
  head: HeadConfig,
  lengths: readonly (Int32Array | null)[],
): Difference {
  const scale = largestOf(expected.map(({ data }) => data.reduce((most, value) => Math.max(most, finite(value)), 0)))
  let [largest, otherAnswers] = [0, 0]
  for (const [index, { data, shape }] of expected.entries()) {
    const width = shape.at(-1) ?? 1
    const { logits, values, forecast, probabilities } = outputs[index] ?? {}
    const raw = logits ?? values ?? forecast ?? new Float32Array()
    largest = Math.max(largest, distance(raw, data) / (scale || 1))
    if (CHOOSING.has(head.kind)) otherAnswers += differing(raw, data, width, TIE * scale)
    if (probabilities === undefined) continue
    const isPerFrame = hasOutputsPerFrame(head)
    const time = isPerFrame ? (shape[1] ?? 1) : 1
    const own = rows(data, width).flatMap((row, at) => {
      const isPadding = isPerFrame && at % time >= (lengths[index]?.[Math.floor(at / time)] ?? time)
      return isPadding ? [...row].fill(0) : [...(head.kind === 'multiLabel' ? sigmoid(row) : softmax(row))]
    })
    largest = Math.max(largest, distance(probabilities, Float32Array.from(own)))
  }
  return { largest, otherAnswers }
}

function largestOf(values: readonly number[]): number {
  return Math.max(0, ...values)
}

function finite(value: number): number {
  return Number.isFinite(value) ? Math.abs(value) : 0
}

/** The largest difference. Values that are not numbers must be so on both sides. */
function distance(values: Float32Array, expected: Float32Array): number {
  if (values.length !== expected.length) return Infinity
  return expected.reduce((most, value, index) => {
    const other = values[index] ?? Number.NaN
    if (Object.is(other, value)) return most
    const difference = Math.abs(other - value)
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference)
  }, 0)
}

/** How many rows have their largest value elsewhere, by more than a tie. */
function differing(values: Float32Array, expected: Float32Array, width: number, tie: number): number {
  const theirs = rows(values, width)
  return rows(expected, width).filter((row, index) => {
    const best = likeliest(theirs[index] ?? row)
    return (row[likeliest(row)] ?? 0) - (row[best] ?? 0) > tie
  }).length
}

function rows(values: Float32Array, width: number): Float32Array[] {
  const count = Math.floor(values.length / width)
  return Array.from({ length: count }, (_, row) => values.subarray(row * width, (row + 1) * width))
}
