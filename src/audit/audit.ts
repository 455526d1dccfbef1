import { AbortScope, checkSignal } from '../common/abort'
import { checkCallback, checkOptions } from '../common/checks'
import { DataLoader, checkLoader, loaderParts, peekBatches } from '../data/data-loader'
import { checkLength, isDataset } from '../data/data-source'
import { modelHandle } from '../model/cnn-lstm'
import { peek } from '../data/statistics'
import { checkLeakage } from '../data/split/leakage'
import { auditBlank } from './blank'
import { auditInputs, auditTargets } from './data'
import { shortList, formatFinding } from './finding'
import { auditFinite, auditGradients, auditLearning } from './model'
import { native } from '../native'
import type { LoadedBatch } from '../data/loaded-batch'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { NativeModelAudit } from '../native'
import type { Finding } from './finding'

/** Options of {@link audit}. */
export interface AuditOptions {
  /** Data that the model will be judged by: it is searched for clips of the training data. Default none. */
  readonly validation?: DataLoader | undefined
  /** Takes the findings as text, and is awaited; `null` for none. Default `console.log`. */
  readonly print?: ((text: string) => unknown) | null | undefined
  /** Stops the work; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** How many batches are checked for inputs and targets, and for how many milliseconds. */
const FULL = { batches: 64, milliseconds: 4000 }
const CHEAP = { batches: 4, milliseconds: 1000 }
/** A step of the loader's own batch is timed by so many of them. */
const TIMED_STEPS = 2
/** Learning by heart: samples, the most steps, and the seconds after which none begins. */
const OVERFIT = { samples: 16, steps: 150, seconds: 4, learningRate: 3e-3 }
/** Larger datasets are not searched for shared clips here: that takes minutes. */
const MOST_COMPARED = 20_000
const BYTES = 4
/** Weights, gradients, and Adam's two moments. */
const COPIES = 4

/**
 * Looks for problems of data and model before a training begins, in seconds. It checks:
 *
 * - inputs: unscaled, constant or not finite;
 * - targets: out of range, missing or unbalanced;
 * - the model: parameters without gradient, dead units, label strings of nothing but blanks, whether it can learn one
 *   batch by heart;
 * - clips shared with `validation`;
 * - the time and memory of an epoch.
 *
 * The model and the loader stay as they are: the loader's next epoch is the same with and without an audit. `fit`
 * checks inputs and targets by itself.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` or `ERR_DATA` when the data does not fit the model or its dataset fails,
 * `ERR_DISPOSED`.
 */
export async function audit(model: AnyCnnLstm, loader: DataLoader, options: AuditOptions = {}): Promise<Finding[]> {
  const handle = modelHandle(model)
  options = checkOptions(options, 'options', ['validation', 'print', 'signal'])
  // oxlint-disable-next-line no-console -- printing is what an audit is for
  const { validation, print = console.log, signal } = options
  checkLoader(loader, 'loader')
  if (validation !== undefined) checkLoader(validation, 'validation')
  if (print !== null) checkCallback(print, 'print')
  const abort = new AbortScope(checkSignal(signal, 'signal'))
  const forget = handle.onDispose((error) => abort.end(error))
  try {
    handle.checkUsable()
    const findings = await auditData(model, loader, FULL, abort)
    if (!findings.some(({ code }) => code === 'inputs-unseen' || code === 'targets-out-of-range')) {
      findings.push(...(await auditModel(model, loader, abort)))
    }
    if (validation !== undefined) findings.push(...(await abort.race(auditLeakage(loader, validation, signal))))
    await abort.race(print?.(findings.map(formatFinding).join('\n')))
    return findings
  } finally {
    forget()
    abort.release()
  }
}

/** The part that `fit` does by itself: inputs and targets of the first batches. */
export async function auditCheaply(model: AnyCnnLstm, loader: DataLoader, abort: AbortScope): Promise<Finding[]> {
  return auditData(model, loader, CHEAP, abort)
}

async function auditData(
  model: AnyCnnLstm,
  loader: DataLoader,
  limits: typeof FULL,
  abort: AbortScope,
): Promise<Finding[]> {
  const reading = await peek(loader, { ...limits, targetsPer: model.config.head.per }, abort)
  if (reading === undefined) {
    const message = 'the source is an iterable, which cannot be looked at without using it up'
    return [{ level: 'info', code: 'inputs-unseen', message, remedy: 'use a dataset with `length` and `get`' }]
  }
  return [...auditInputs(reading, model.config), ...auditTargets(reading, model.config)]
}

/** Two jobs on the engine: a step of the loader's own batch, and a few samples learned by heart. */
async function auditModel(model: AnyCnnLstm, loader: DataLoader, abort: AbortScope): Promise<Finding[]> {
  const handle = modelHandle(model)
  const { source } = loaderParts(loader)
  const batch = await firstBatch(loader, abort)
  if (batch === undefined || !isDataset(source)) return []
  const seen = await lookAt(model, batch, TIMED_STEPS, abort)
  const notFinite = auditFinite(seen)
  if (notFinite !== undefined) return [notFinite]
  const findings = [...auditGradients(seen), ...auditBlank(seen)]
  const small = await firstBatch(new DataLoader(source, { batchSize: OVERFIT.samples, shuffle: true }), abort)
  if (small === undefined) return findings
  const learned = await lookAt(model, small, OVERFIT.steps, abort)
  findings.push(auditFinite(learned) ?? auditLearning(learned, model.config, small.samples))
  const { inputs } = await batch.toArrays()
  const isClip = inputs.shape.length === ('features' in model.config.input ? 3 : 5)
  const frames = batch.samples * (isClip ? (inputs.shape[1] ?? 1) : 1)
  findings.push(cost(handle.native.layers(), { frames, seconds: seen.stepSeconds, batches: loader.length ?? 0 }))
  return findings
}

/** Has the engine look at a batch; an abort, or the model's disposal, ends that after the step that runs. */
async function lookAt(
  model: AnyCnnLstm,
  batch: LoadedBatch,
  steps: number,
  abort: AbortScope,
): Promise<NativeModelAudit> {
  const handle = modelHandle(model)
  const look = new (native().NativeAudit)(handle.native)
  abort.onAbort(() => look.cancel())
  const given = batch.toNative()
  const seconds = OVERFIT.seconds
  return abort.race(handle.run(async () => look.lookAt(given, steps, seconds, OVERFIT.learningRate)))
}

async function firstBatch(loader: DataLoader, abort: AbortScope): Promise<LoadedBatch | undefined> {
  const batches = peekBatches(loader)
  if (batches === undefined) return undefined
  try {
    const next = await abort.race(batches.next())
    return next.done === true ? undefined : next.value
  } finally {
    void batches.close().catch(() => undefined)
  }
}

function cost(
  layers: readonly { readonly outputShape: readonly (number | null)[]; readonly parameters: number }[],
  { frames, seconds, batches }: { readonly frames: number; readonly seconds: number; readonly batches: number },
): Finding {
  const values = layers.reduce(
    (sum, { outputShape }) => sum + outputShape.reduce<number>((n, size) => n * (size ?? 1), 1),
    0,
  )
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  // Each layer's output, and its gradient.
  const bytes = BYTES * (COPIES * parameters + 2 * values * frames)
  const mebibytes = Math.ceil(bytes / 2 ** 20)
  const time = Number.isNaN(seconds)
    ? `more than ${OVERFIT.seconds} s a step`
    : `${(seconds * batches).toPrecision(2)} s an epoch (${batches} steps of ${(seconds * 1000).toPrecision(3)} ms)`
  const message = `${time}, at most about ${mebibytes} MiB for weights, gradients, moments and activations`
  return { level: 'info', code: 'cost', message, remedy: '' }
}

async function auditLeakage(
  loader: DataLoader,
  validation: DataLoader,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const [train, held] = [loaderParts(loader).source, loaderParts(validation).source]
  if (!isDataset(train) || !isDataset(held) || checkLength(train) + checkLength(held) > MOST_COMPARED) {
    const message = `clips shared with \`validation\` were not looked for: that takes datasets, of ${MOST_COMPARED} samples together at most`
    return [{ level: 'info', code: 'leakage-unseen', message, remedy: '`checkLeakage` compares as many as there are' }]
  }
  const report = await checkLeakage({ train, validation: held }, { allow: true, signal })
  if (report.isClean) return []
  const { identical, nearIdentical } = report
  const clips = shortList([...identical, ...nearIdentical].map(({ second }) => second.index))
  return [
    {
      level: identical.length > 0 ? 'error' : 'warning',
      code: 'leakage',
      message: `${identical.length} clips of the validation data are in the training data, ${nearIdentical.length} more look like one of it: ${clips}`,
      remedy: '`checkLeakage` names the pairs; split by group (`split(dataset, { by })`)',
    },
  ]
}
