/** The clips of a run: looked at, split, and what is known of them. */
import { ZoetropeError } from '../../errors'
import { split } from '../../data/split/split'
import { checkClasses, classCounts, lookUp, openClips } from '../clips'
import type { DataValues, TrainValues } from '../options/train-options'
import type { Opening } from '../clips'
import type { Dataset } from '../../data/dataset'
import type { Subset } from '../../data/subset'
import type { FolderDataset } from '../../files/folder-dataset'

export interface RunClips {
  readonly dataset: FolderDataset
  /** What was looked up, beside what was given. */
  readonly values: DataValues
  readonly train: Dataset
  readonly validation: Dataset
  /** The folder's own, or that of another folder. */
  readonly validationSource: FolderDataset
  /** Clips of each class in the training part; none of a regression. */
  readonly counts: readonly number[]
  /** How the parts were made, in words. */
  readonly rule: string
}

const DEFAULT_SHARE = 0.2

export async function openRun(path: string, values: TrainValues, opening: Opening): Promise<RunClips> {
  const dataValues = await lookUp(path, values, opening)
  const dataset = await openClips(path, dataValues, opening)
  try {
    checkClasses(path, dataset)
    if (values.validationData !== undefined) {
      const other = await openClips(values.validationData, dataValues, { ...opening, classes: dataset.classes })
      const counts = classCounts(dataset)
      return { dataset, values: dataValues, train: dataset, validation: other, validationSource: other, counts, rule: `validation: ${values.validationData}` } // prettier-ignore
    }
    return { dataset, values: dataValues, validationSource: dataset, ...(await parted(path, dataset, values, opening)) }
  } catch (error) {
    await dataset.close()
    throw error
  }
}

async function parted(
  path: string,
  dataset: FolderDataset,
  { validation = DEFAULT_SHARE, seed = 0 }: TrainValues,
  { signal }: Opening,
): Promise<Pick<RunClips, 'train' | 'validation' | 'counts' | 'rule'>> {
  const groups = new Set(dataset.groups).size
  const isGrouped = groups > 1 && groups < dataset.length
  const parts = await split(dataset, {
    fractions: { train: 1 - validation, validation },
    seed,
    signal,
    ...(isGrouped && { by: dataset.groups }),
  })
  const counts = countsOf(dataset, parts.train)
  const missing = counts.indexOf(0)
  if (missing >= 0) {
    const message =
      `Expected clips of every class to learn from in '${path}', received none of '${dataset.classes[missing]}': ` +
      `the split keeps groups together (${dataset.groupRule}); give \`--group clip\`, or \`--validation-data\``
    throw new ZoetropeError('ERR_DATA', message, { path, class: dataset.classes[missing] })
  }
  const unchosen = dataset.classes.filter((_, index) => countsOf(dataset, parts.validation)[index] === 0)
  const unseen = unchosen.length > 0 ? `; no clips to choose by of ${unchosen.join(', ')}` : ''
  const how = isGrouped ? `split by group (${dataset.groupRule})` : 'split by clip, since clips are in no groups'
  return { ...parts, counts, rule: `${how}${unseen}` }
}

/** Clips of each class in a part. */
function countsOf({ classes, targets }: FolderDataset, { indices }: Subset): number[] {
  const counts = classes.map(() => 0)
  for (const index of indices) {
    const target = targets?.[index]
    if (target !== undefined) counts[target] = (counts[target] ?? 0) + 1
  }
  return counts
}
