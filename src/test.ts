import { AbortScope, checkSignal } from './abort'
import { checkBoolean, checkOptions } from './checks'
import { checkLoader } from './data-loader'
import { accuracy, classMetrics, confusionRows, timing } from './metrics'
import { modelHandle } from './model'
import { runPass } from './pass'
import { ProgressLine } from './progress'
import type { DataLoader } from './data-loader'
import type { ClassMetrics, Timing } from './metrics'
import type { CnnLstm } from './model'

/** Options of {@link test}. */
export interface TestOptions {
  /** Stops within one batch; the promise rejects with `signal.reason`. The model stays usable. */
  readonly signal?: AbortSignal | undefined
  /** Whether to show a live line when standard output is a terminal. Default true. */
  readonly progress?: boolean | undefined
}

/** How a model does on a loader's samples. */
export interface TestResult extends Timing {
  /** Mean cross-entropy over the samples. */
  readonly loss: number
  /** Share of right answers, 0…1. */
  readonly accuracy: number
  /** Samples seen. */
  readonly samples: number
  /** Counts `[numClasses][numClasses]`: row = target, column = prediction. */
  readonly confusionMatrix: number[][]
  /** Precision, recall, F1 and support of each class, in order. */
  readonly perClass: ClassMetrics[]
}

/**
 * Tests a model on one epoch of a loader: no dropout, no gradients, nothing changes.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` or `ERR_DATA` when the data does not fit or its dataset fails,
 * `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
 */
export async function test(model: CnnLstm, loader: DataLoader, options: TestOptions = {}): Promise<TestResult> {
  modelHandle(model)
  checkOptions(options, 'options', ['signal', 'progress'])
  const { signal, progress = true } = options
  return testEpoch(model, checkLoader(loader, 'loader'), {
    signal: checkSignal(signal, 'signal'),
    progress: checkBoolean(progress, 'progress'),
  })
}

/** One sweep with checked arguments; `title` heads the progress line. */
export async function testEpoch(
  model: CnnLstm,
  loader: DataLoader,
  { signal, progress }: { readonly signal: AbortSignal | undefined; readonly progress: boolean },
  title = 'test',
): Promise<TestResult> {
  const abort = new AbortScope(signal)
  try {
    const { metrics, seconds } = await runPass({
      handle: modelHandle(model),
      loader,
      abort,
      progress: new ProgressLine(title, progress),
      prepare: (pass, batch) => () => pass.evaluateBatch(batch),
      onBatch: undefined,
      reportEvery: 10,
    })
    const { loss, samples, confusion } = metrics
    const confusionMatrix = confusionRows(confusion, model.numClasses)
    const perClass = classMetrics(confusionMatrix, model.classes)
    return { loss, accuracy: accuracy(metrics), samples, confusionMatrix, perClass, ...timing(samples, seconds) }
  } finally {
    abort.release()
  }
}
