/** Finds out everything that a report shows. */
import { createHash } from 'node:crypto'
import { isAnswerKind } from './answer-kind'
import { answersOf } from './answers'
import { machineOf } from './machine'
import { mistakeOf, worstClips } from './mistakes'
import { meanOcclusion, occlusionOf } from './occlusion'
import { wilson } from './interval'
import { stringMistakes } from './strings'
import { accuracyInterval, calibrationOfAnswers, clipScores, rankings } from './scores'
import { throwIfAborted } from '../common/abort'
import { DataLoader } from '../data/data-loader'
import { askFor } from '../data/data-source'
import { checkGroupId } from '../data/split/group-ids'
import { checkLeakage } from '../data/split/leakage'
import { scan } from '../data/scan'
import { Subset, origin } from '../data/subset'
import { accuracyByFrames } from '../evaluation/accuracy-by-frames'
import { testEpoch } from '../evaluation/test'
import { evenly } from '../pictures/clip'
import type { Answers } from './answers'
import type { Mistake, RegressionPoints, ReportData, ReportLeakage, ReportPart } from './data'
import type { CheckedReport } from './options'
import type { Occlusion } from './occlusion'
import type { AnswerKind } from './answer-kind'
import type { ClipScore } from './scores'
import type { PrefixAccuracy } from '../evaluation/accuracy-by-frames'
import type { TestedFigures } from '../observer'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { Dataset, Sample } from '../data/dataset'
import type { GroupId } from '../data/split/group-ids'

/** Clips that are shown as mistakes. */
const MOST_MISTAKES = 12
/** Clips whose frames are covered for the mean. */
const MOST_OCCLUDED = 24
const TENTHS = 10
/** Clips that are cut short for the accuracy after each frame; fewer where each cut is a pass of its own. */
const MOST_CUT = { oneWay: 2000, bothWays: 300 }
/** Parts that are together larger are not searched for shared clips, and their targets are not counted. */
const MOST_COMPARED = 20_000
/** Points of a scatter chart, of each output. */
const MOST_POINTS = 1000
const MOST_OUTPUTS = 6

export async function gather(model: AnyCnnLstm, settings: CheckedReport): Promise<ReportData> {
  const { dataset, batchSize, signal, progress, part, best, command } = settings
  const { kind } = model.config.head
  const auc = kind === 'classification' || kind === 'multiLabel'
  const result = await testEpoch(
    model,
    new DataLoader(dataset, { batchSize }),
    { signal, progress, auc },
    { title: 'report · test' },
  )
  const answers = await answersOf(model, dataset, { batchSize, signal })
  const found = isAnswerKind(kind)
    ? await lookAt(model, kind, settings, answers)
    : {
        mistakes: await stringMistakes(model, dataset, {
          nameOf: (index) => settings.nameOf(bottomIndex(dataset, index)),
          signal,
        }),
      }
  const leakage = await leakageOf(settings)
  throwIfAborted(signal)
  return {
    title: settings.title,
    created: new Date().toISOString(),
    part,
    model: await modelFacts(model),
    data: { hash: answers.hash, samples: answers.samples },
    result,
    ...(!Number.isNaN(result.accuracy) && { interval: wilson(result.accuracy * result.samples, result.samples) }),
    ...NOTHING_FOUND,
    ...found,
    lengths: [...answers.lengths],
    parts: await parts(model, settings, result),
    ...(leakage && { leakage }),
    history: settings.history,
    ...(best !== undefined && { best }),
    findings: settings.findings,
    skipped: settings.skipped,
    settings: settings.settings,
    ...(command !== undefined && { command }),
    machine: machineOf(model.device),
  }
}

type Found = Pick<
  ReportData,
  'interval' | 'calibration' | 'rankings' | 'byFrames' | 'mistakes' | 'occlusion' | 'regression'
>

/** Of heads whose answers are not looked at one by one. */
const NOTHING_FOUND = { rankings: [], byFrames: [], mistakes: [], regression: [] } as const

/** What single answers tell. */
async function lookAt(model: AnyCnnLstm, kind: AnswerKind, settings: CheckedReport, answers: Answers): Promise<Found> {
  const scores = clipScores(answers, kind)
  const occlusion = await occlusionsOf(model, settings)
  const common = {
    rankings: rankings(answers, kind, model.classes),
    byFrames: await byFrames(model, settings, answers),
    mistakes: await mistakesOf(model, settings, answers, scores),
    ...(occlusion && { occlusion }),
  }
  if (kind === 'regression') return { ...common, regression: points(answers) }
  const interval = accuracyInterval(scores, await groupsOf(settings))
  return { ...common, interval, calibration: calibrationOfAnswers(answers, kind), regression: [] }
}

/** The index in the dataset at the bottom, which names and groups go by. */
function bottomIndex(dataset: Dataset, index: number): number {
  return origin(dataset, index).index
}

async function groupsOf({ dataset, groups, signal }: CheckedReport): Promise<GroupId[] | undefined> {
  if (groups === undefined) return undefined
  const ids: GroupId[] = []
  const note = (id: unknown, index: number): void => {
    ids[index] = checkGroupId(id, bottomIndex(dataset, index))
  }
  if (typeof groups === 'function') {
    const visit = (sample: Parameters<typeof groups>[0], index: number): void =>
      note(groups(sample, bottomIndex(dataset, index)), index)
    await scan(dataset, dataset.length, visit, { signal })
  } else for (let index = 0; index < dataset.length; index++) note(groups[bottomIndex(dataset, index)], index)
  return ids
}

async function mistakesOf(
  model: AnyCnnLstm,
  { dataset, nameOf, signal }: CheckedReport,
  answers: Answers,
  scores: readonly ClipScore[],
): Promise<Mistake[]> {
  const mistakes: Mistake[] = []
  for (const index of worstClips(scores, model.config.head.kind === 'regression', MOST_MISTAKES)) {
    throwIfAborted(signal)
    const score = scores[index]
    if (score === undefined) continue
    const name = nameOf(bottomIndex(dataset, index))
    mistakes.push(await mistakeOf(model, dataset, index, { answers, score, name }))
  }
  return mistakes
}

async function occlusionsOf(
  model: AnyCnnLstm,
  { dataset, signal }: CheckedReport,
): Promise<ReportData['occlusion'] | undefined> {
  const clips: Occlusion[][] = []
  for (const index of evenly(dataset.length, MOST_OCCLUDED)) {
    throwIfAborted(signal)
    const { input } = await askFor(dataset, index)
    const stretches = await occlusionOf(model, input)
    if (stretches !== undefined) clips.push(stretches)
  }
  return clips.length === 0 ? undefined : { clips: clips.length, changes: meanOcclusion(clips, TENTHS) }
}

async function byFrames(model: AnyCnnLstm, settings: CheckedReport, answers: Answers): Promise<PrefixAccuracy[]> {
  const { dataset, batchSize, signal, progress } = settings
  if (answers.lengths.every((length) => length < 2)) return []
  const most = model.config.lstm.bidirectional ? MOST_CUT.bothWays : MOST_CUT.oneWay
  const some = dataset.length > most ? new Subset(dataset, evenly(dataset.length, most)) : dataset
  return accuracyByFrames(model, some, { shares: TENTHS, batchSize, signal, progress })
}

function points({ values, targets, outputs, sampleOf }: Answers): RegressionPoints[] {
  const shown = evenly(sampleOf.length, MOST_POINTS)
  return evenly(outputs, MOST_OUTPUTS).map((output) => ({
    output,
    points: shown.map((answer) => {
      const at = answer * outputs + output
      return [targets[at] ?? NaN, values[at] ?? NaN] as const
    }),
  }))
}

/** The sizes of the parts. Targets of the answered part are counted by `test` already. */
async function parts(
  model: AnyCnnLstm,
  { dataset, train, part, signal }: CheckedReport,
  { samples, perClass = [] }: TestedFigures,
): Promise<ReportPart[]> {
  const tested = {
    name: part,
    samples,
    ...(perClass.length > 0 && { classCounts: perClass.map(({ support }) => support) }),
  }
  if (train === undefined || train === dataset) return [tested]
  const counts = train.length > MOST_COMPARED ? undefined : await classCounts(model, train, signal)
  return [{ name: 'train', samples: train.length, ...(counts && { classCounts: counts }) }, tested]
}

async function classCounts(
  { config: { head }, numClasses }: AnyCnnLstm,
  dataset: Dataset,
  signal: AbortSignal | undefined,
): Promise<number[] | undefined> {
  if (head.kind !== 'classification' || head.per === 'frame') return undefined
  const counts = Array.from({ length: numClasses }, () => 0)
  const note = ({ target }: Sample): void => {
    if (typeof target === 'number') counts[target] = (counts[target] ?? 0) + 1
  }
  await scan(dataset, dataset.length, note, { signal })
  return counts
}

async function leakageOf({ dataset, train, part, groups, signal }: CheckedReport): Promise<ReportLeakage | undefined> {
  if (train === undefined || train === dataset || train.length + dataset.length > MOST_COMPARED) return undefined
  // A list of groups is of one dataset, and says nothing of another one's samples.
  const isOne = origin(train, 0).dataset === origin(dataset, 0).dataset
  const by = Array.isArray(groups) && !isOne ? undefined : groups
  const name = part === 'train' ? 'tested' : part
  const report = await checkLeakage({ train, [name]: dataset }, { allow: true, signal, by })
  return {
    groups: report.groups.length,
    identical: report.identical.length,
    nearIdentical: report.nearIdentical.length,
    hasGroups: by !== undefined,
  }
}

async function modelFacts(model: AnyCnnLstm): Promise<ReportData['model']> {
  const hash = createHash('sha256')
  let parameters = 0
  for (const [name, { data }] of await model.stateDict()) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    if (!/running_(mean|var)$|num_batches_tracked$/.test(name)) parameters += data.length
  }
  return { config: model.config, classes: model.classes, parameters, hash: hash.digest('hex') }
}
