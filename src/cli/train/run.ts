/** One run of `zoetrope train`, from the folder to the model. */
import { access, constants, mkdir } from 'node:fs/promises'
import { augmentation, modelOptions, recipeOf } from '../recipe'
import { commandOf, folderOf, reportPath, writeConfig } from './config'
import { openRun } from './data'
import { keepFailed, save } from './keep'
import { RunProgress } from './progress'
import { namesOf, openClips } from '../clips'
import { audit } from '../../audit/audit'
import { formatFinding } from '../../audit/finding'
import { normalization } from '../../data/normalization'
import { DataLoader } from '../../data/data-loader'
import { balancedWeights } from '../../data/sampling'
import { CnnLstm } from '../../model/cnn-lstm'
import { AdamW } from '../../optimizer/adam'
import { oneCycle } from '../../optimizer/schedule'
import { writeReport } from '../../report/write'
import { tellResult } from '../result'
import { count } from '../../report/figures'
import { setNumThreads } from '../../runtime'
import { test } from '../../evaluation/test'
import { fit } from '../../training/fit'
import { isLowerBetter, metricOf } from '../../evaluation/metric-names'
import { reasonOf } from '../../common/checks'
import { ZoetropeError } from '../../errors'
import type { Finding } from '../../audit/finding'
import type { AnyCnnLstm } from '../../model/cnn-lstm'
import type { HeadType } from '../../config/head'
import type { Target } from '../../data/targets'
import type { EpochRecord } from '../../training/fit-options'
import type { LivePage } from '../live/live-page'
import type { TrainValues } from '../options/train-options'
import type { Terminal } from '../terminal'
import type { Opening } from '../clips'
import type { Resolved } from '../recipe'
import type { RunClips } from './data'

/** What a run needs beside its values. */
export interface RunContext {
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly live: LivePage | undefined
}

/** How a run ended. */
export type RunEnd = 'done' | 'interrupted'

/** Values with a folder and a file to write. */
export type RunValues = TrainValues & { readonly data: string; readonly out: string }

export async function runTraining(given: RunValues, context: RunContext): Promise<RunEnd> {
  const { terminal, signal } = context
  await checkFolder(folderOf(given.out))
  if (given.threads !== undefined) setNumThreads(given.threads)
  const opening = { signal }
  const clips = await openRun(given.data, given, opening)
  try {
    const { input, targetKind } = clips.dataset
    const recipe = recipeOf({ input, targetKind, counts: clips.counts })
    const values: RunValues & Resolved = { report: reportPath(given.out), ...recipe, ...given, ...clips.values }
    describeRun(terminal, clips, values)
    const config = await writeConfig(values)
    await using model = await createModel(clips, values, signal)
    return await trainModel(model, clips, values, { ...context, config })
  } finally {
    await clips.dataset.close()
    if (clips.validationSource !== clips.dataset) await clips.validationSource.close()
  }
}

/** Says early what would otherwise be said when all work is done. */
async function checkFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
  } catch (cause) {
    const message = `Expected a folder for the model that can be written to, received '${folder}': ${reasonOf(cause)}`
    throw new ZoetropeError('ERR_DATA', message, { path: folder }, { cause })
  }
}

function describeRun(terminal: Terminal, clips: RunClips, values: RunValues & Resolved): void {
  const { dataset, train, validation, rule } = clips
  const { skipped, description, kind, length, classes, input } = dataset
  terminal.say(description)
  terminal.say(`  train ${count(train.length)}, validation ${count(validation.length)}: ${rule}`)
  const { epochs, batchSize, learningRate, patience, best, blocks, hiddenSize, cell, bidirectional } = values
  const direction = bidirectional ? ' both ways' : ''
  terminal.say(`  model: blocks of ${blocks.join(', ')}, ${cell} of ${hiddenSize}${direction}; at most ${epochs} epochs in batches of ${batchSize}, rate ${learningRate}, ends after ${patience} epochs without better ${best}`) // prettier-ignore
  const parts = { train: train.length, validation: validation.length }
  terminal.tell('data', { kind, clips: length, classes, input, parts, rule, skipped, values })
}

async function createModel(
  { dataset, train }: RunClips,
  values: RunValues & Resolved,
  signal: AbortSignal,
): Promise<AnyCnnLstm> {
  const { classes, targetKind, preprocessing } = dataset
  const normalize = await normalization(train, { signal })
  const options = { ...modelOptions(dataset, normalize, values), preprocessing }
  if (targetKind === 'class') return CnnLstm.create({ ...options, classes })
  if (targetKind === 'labels') return CnnLstm.create({ ...options, classes, head: 'ctc' })
  const { target } = await train.get(0)
  return CnnLstm.create({ ...options, head: { kind: 'regression', outputs: numbersOf(target) } })
}

/** How many numbers a target has. */
function numbersOf(target: Target | undefined): number {
  if (target === undefined || typeof target === 'number') return 1
  return 'shape' in target ? target.data.length : target.length
}

async function trainModel(
  model: AnyCnnLstm,
  clips: RunClips,
  values: RunValues & Resolved,
  context: RunContext & { readonly config: string },
): Promise<RunEnd> {
  const { terminal, signal, live, config } = context
  const { train, validation } = await loaders(model, clips, values, signal)
  const findings = await findingsOf(model, train, context)
  const history: EpochRecord<HeadType>[] = []
  const progress = new RunProgress(terminal, { epochs: values.epochs, targetKind: clips.dataset.targetKind })
  const { learningRate, weightDecay, labelSmoothing, clipNorm, patience, best, epochs, logs } = values
  const schedule = oneCycle({ pctStart: 0.2, finalDivFactor: 40 })
  try {
    await fit(model, {
      train,
      validation,
      epochs,
      optimizer: new AdamW(model, { learningRate, weightDecay, schedule }),
      ...(labelSmoothing > 0 && { loss: { labelSmoothing } }),
      clipNorm,
      best,
      earlyStopping: { patience, metric: best },
      signal,
      progress: false,
      audit: false,
      ...(logs !== undefined && { logs }),
      onBatch: (report) => {
        const now = progress.batch(report)
        live?.show({ now })
      },
      onEpoch: (record) => {
        const isBest = history.every((earlier) => isBetter(record, earlier, best))
        history.push(record)
        progress.epoch(record, isBest)
        terminal.tell('epoch', { ...record, isBest })
        live?.show({ history, best })
      },
    })
  } catch (error) {
    const run = { ...context, history, findings, train, validation }
    if (signal.aborted) return keepInterrupted(model, clips, values, run)
    if (history.length > 0) await keepFailed(model, { ...values, ...run })
    throw error
  }
  await save(model, values.out, terminal)
  try {
    await finish(model, clips, values, { ...context, history, findings, train, validation })
  } catch (error) {
    if (!signal.aborted) throw error
    terminal.warn(`Stopped: the model is in ${values.out}; there is no report`)
    terminal.tell('interrupted', { epochs: history.length, model: values.out })
    return 'interrupted'
  }
  terminal.say(`Again: ${commandOf(config)}`)
  terminal.tell('end', { model: values.out, config })
  return 'done'
}

function isBetter(record: EpochRecord<HeadType>, earlier: EpochRecord<HeadType>, metric: Resolved['best']): boolean {
  const sign = isLowerBetter(metric) ? -1 : 1
  return sign * metricOf(record, metric) > sign * metricOf(earlier, metric)
}

async function loaders(
  model: AnyCnnLstm,
  { dataset, train, validation }: RunClips,
  { batchSize, seed, augment, balance }: RunValues & Resolved,
  signal: AbortSignal,
): Promise<{ readonly train: DataLoader; readonly validation: DataLoader }> {
  const std = model.config.normalize?.std ?? 1
  const changes = augmentation(dataset.kind, dataset, { std: typeof std === 'number' ? [std] : std })
  const options = {
    batchSize,
    shuffle: true,
    seed,
    ...(augment && { augment: changes }),
    ...(balance && { sampleWeights: await balancedWeights(train, { signal }) }),
  }
  await dataset.measure({ signal })
  const lengths = new Set(Array.from({ length: dataset.length }, (_, index) => dataset.lengthOf(index)))
  return {
    train: new DataLoader(train, { ...options, bucketByLength: lengths.size > 1 }),
    validation: new DataLoader(validation, { batchSize }),
  }
}

/** What would spoil the run, before it begins. */
async function findingsOf(model: AnyCnnLstm, train: DataLoader, { terminal, signal }: RunContext): Promise<Finding[]> {
  const findings = await audit(model, train, { print: null, signal })
  for (const finding of findings) if (finding.level !== 'info') terminal.warn(formatFinding(finding))
  terminal.tell('audit', { findings })
  return findings
}

/** After Ctrl-C: the best weights so far, and the report of them. A second Ctrl-C ends the process meanwhile. */
async function keepInterrupted(
  model: AnyCnnLstm,
  clips: RunClips,
  values: RunValues & Resolved,
  run: Finished,
): Promise<RunEnd> {
  const { history, terminal } = run
  if (history.length === 0) {
    terminal.warn('Stopped in the first epoch: there is no model yet')
    terminal.tell('interrupted', { epochs: 0 })
    return 'interrupted'
  }
  await save(model, values.out, terminal)
  const epochs = `${history.length} of ${values.epochs} epochs`
  terminal.warn(`Stopped after ${epochs}: the best weights are in ${values.out}`)
  await finish(model, clips, values, { ...run, signal: new AbortController().signal, stoppedAfter: epochs })
  terminal.tell('interrupted', { epochs: history.length, model: values.out })
  return 'interrupted'
}

/** What belongs to a run whose training has ended. */
interface Finished extends RunContext {
  readonly config: string
  readonly history: readonly EpochRecord<HeadType>[]
  readonly findings: readonly Finding[]
  readonly train: DataLoader
  readonly validation: DataLoader
  /** Epochs of how many, where the run was interrupted. */
  readonly stoppedAfter?: string
}

/** Tests, and writes the report, of the test data where there is some. */
async function finish(
  model: AnyCnnLstm,
  clips: RunClips,
  values: RunValues & Resolved,
  { terminal, signal, config, history, findings, train, validation, stoppedAfter }: Finished,
): Promise<void> {
  const { test: folder, report, best, batchSize } = values
  const opening: Opening = { signal, classes: clips.dataset.classes.length > 0 ? clips.dataset.classes : undefined }
  await using tested = folder === undefined ? undefined : await openClips(folder, clips.values, opening)
  const loader = tested === undefined ? validation : new DataLoader(tested, { batchSize })
  const source = tested ?? clips.validationSource
  const part = tested === undefined ? 'validation' : 'test'
  if (report === false || report === undefined)
    return tellResult(terminal, part, await test(model, loader, { signal, progress: false }))
  const { result, interval } = await writeReport(report, model, loader, {
    title: `zoetrope train ${values.data}${stoppedAfter === undefined ? '' : `, stopped after ${stoppedAfter}`}`,
    part,
    history,
    best,
    train,
    findings,
    groups: source.groups,
    names: namesOf(source, tested === undefined ? values.data : (folder ?? '')),
    skipped: source.skipped,
    settings: values,
    command: commandOf(config),
    signal,
    progress: false,
  })
  tellResult(terminal, part, result, interval)
  terminal.say(`Report: ${report}`)
  terminal.tell('report', { report })
}
