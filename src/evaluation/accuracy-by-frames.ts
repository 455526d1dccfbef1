import { AbortScope, checkSignal } from '../common/abort'
import { checkBoolean, checkInteger, checkOptions, rangeError, typeError } from '../common/checks'
import { listOf } from '../common/list'
import { DataLoader, isLoader } from '../data/data-loader'
import { accuracy, regressionMetrics, stringMetrics } from './metrics'
import { modelHandle } from '../model/cnn-lstm'
import { native } from '../native'
import { runPass } from './pass'
import { ProgressLine } from '../common/progress'
import type { DataSource } from '../data/data-source'
import type { NativeMetrics, NativePrefixes } from '../native'
import type { RegressionMetrics, StringMetrics } from './metrics'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { HeadConfig } from '../config/head'

/** Options of {@link accuracyByFrames}. */
export interface AccuracyByFramesOptions {
  /**
   * Numbers of frames after which to answer: a list, or one number for 1, 2, … up to it. A clip that has fewer frames is
   * answered after its last one. Not together with `shares`.
   */
  readonly frames?: number | readonly number[] | undefined
  /**
   * Shares of a clip after which to answer, above 0 and up to 1: a list, or one number n for 1/n, 2/n, … 1. A share is
   * rounded up to whole frames. Default 10.
   */
  readonly shares?: number | readonly number[] | undefined
  /** Samples in a batch, for data that is no `DataLoader`. Default 32. */
  readonly batchSize?: number | undefined
  /** Stops within one batch; the promise rejects with `signal.reason`. The model stays usable. */
  readonly signal?: AbortSignal | undefined
  /** Whether to show a live line when standard output is a terminal. Default true. */
  readonly progress?: boolean | undefined
}

/**
 * How right a model is after some of the frames. A regression also has `mae`, `rmse` and `r2`, label strings have `cer`,
 * `exact` and perhaps `wer`.
 */
export interface PrefixAccuracy extends Partial<RegressionMetrics>, Partial<StringMetrics> {
  /** After how many frames of a clip, or after all of a clip that has fewer. Absent where shares were asked for. */
  readonly frames?: number
  /** After which share of a clip's frames. Absent where frames were asked for. */
  readonly share?: number
  /** Share of right answers, 0…1, as of `test`; not a number for a regression. */
  readonly accuracy: number
  /** Number of right answers. */
  readonly correct: number
  /** Number of clips. */
  readonly samples: number
  /** Mean loss over the answers, as of `test`. */
  readonly loss: number
}

/** Where clips are cut. */
interface Cuts {
  readonly values: readonly number[]
  readonly unit: 'frames' | 'share'
  readonly open: () => NativePrefixes
}

/** More cuts than a curve can show; each needs memory of its own. */
const MOST_CUTS = 10_000

/**
 * How early a model is right: its accuracy after each of some numbers of frames, or shares of a clip.
 *
 * Every figure is that of `test` on clips that are cut there. A model whose answers do not depend on later frames sees
 * each clip once, and the head reads each prefix. A bidirectional model, or one with a convolution over time, sees the
 * data once for each cut.
 *
 * @param data - A `DataLoader`, or what a `DataLoader` takes.
 * @returns One entry for each cut, in the order that was asked for. {@link accuracySvg} draws them.
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {RangeError} For a number of frames or a share out of range.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` or `ERR_DATA` when the data does not fit or its dataset fails,
 * `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
 *
 * @example
 * ```ts
 * import { CnnLstm, TensorDataset, accuracyByFrames, accuracySvg } from 'zoetrope'
 *
 * await using model = await CnnLstm.create({ input: { features: 2 }, classes: ['up', 'down'] })
 * const inputs = { data: new Float32Array(4 * 6 * 2), shape: [4, 6, 2] }
 * const data = new TensorDataset({ inputs, targets: [0, 1, 1, 0] })
 * const curve = await accuracyByFrames(model, data, { frames: 6 })
 * for (const { frames, accuracy } of curve) console.log(frames, accuracy)
 * console.log(accuracySvg(curve, { title: 'How early' }))
 * ```
 */
export async function accuracyByFrames(
  model: AnyCnnLstm,
  data: DataLoader | DataSource,
  options: AccuracyByFramesOptions = {},
): Promise<PrefixAccuracy[]> {
  const handle = modelHandle(model)
  options = checkOptions(options, 'options', ['frames', 'shares', 'batchSize', 'signal', 'progress'])
  const cuts = checkCuts(options)
  const { batchSize = 32, progress = true } = options
  const size = checkInteger(batchSize, 'batchSize', 1)
  const loader = isLoader(data) ? data : new DataLoader(data, { batchSize: size })
  const line = new ProgressLine('accuracy by frames', checkBoolean(progress, 'progress'))
  const abort = new AbortScope(checkSignal(options.signal, 'signal'))
  const { head } = model.config
  try {
    handle.checkUsable()
    const prefixes = cuts.open()
    await runPass({
      handle,
      loader,
      abort,
      progress: line,
      prepare: (pass, batch) => ({ job: () => pass.evaluatePrefixes(batch, prefixes), learningRate: 0 }),
      head,
      onBatch: undefined,
      reportEvery: 10,
    })
    const metrics = await handle.run((half) => prefixes.metrics(half))
    return metrics.map((figures, index) => ({ [cuts.unit]: cuts.values[index], ...figuresOf(figures, head) }))
  } finally {
    abort.release()
  }
}

function figuresOf(metrics: NativeMetrics, head: HeadConfig): Omit<PrefixAccuracy, 'frames' | 'share'> {
  const { correct, samples, loss } = metrics
  const errors = { ...regressionMetrics(metrics, head), ...stringMetrics(metrics, head) }
  return { accuracy: accuracy(metrics, head), correct, samples, loss, ...errors }
}

function checkCuts({ frames, shares }: AccuracyByFramesOptions): Cuts {
  if (frames !== undefined) {
    if (shares !== undefined) throw new TypeError('Expected at most one of `frames` and `shares`, received both')
    const values = checkList(frames, 'frames', {
      each: (value, name) => checkInteger(value, name, 1),
      upTo: (count) => count,
    })
    return { values, unit: 'frames', open: () => native().NativePrefixes.ofFrames([...values]) }
  }
  const values = checkList(shares ?? 10, 'shares', { each: checkShare, upTo: (index, count) => index / count })
  return { values, unit: 'share', open: () => native().NativePrefixes.ofShares([...values]) }
}

/** A list of values, or a number n for those of 1 … n. */
function checkList(
  given: unknown,
  name: string,
  of: { each: (value: unknown, name: string) => number; upTo: (index: number, count: number) => number },
): readonly number[] {
  if (typeof given === 'number') {
    const count = checkInteger(given, name, 1, MOST_CUTS)
    return Array.from({ length: count }, (_, index) => of.upTo(index + 1, count))
  }
  const list = listOf(given)
  if (list === undefined) throw typeError('a number or an array of numbers', name, given)
  if (list.length < 1 || list.length > MOST_CUTS) throw rangeError(`1 to ${MOST_CUTS} numbers`, name, given)
  return Array.from({ length: list.length }, (_, index) => of.each(list.at(index), `${name}[${index}]`))
}

function checkShare(value: unknown, name: string): number {
  const expected = 'a number above 0 and up to 1'
  if (typeof value !== 'number') throw typeError(expected, name, value)
  if (value > 0 && value <= 1) return value
  throw rangeError(expected, name, value)
}
