/** The clips of a run: looked at, split, and what is known of them. */
import { ZoetropeError } from '../../errors'
import { split } from '../../data/split/split'
import { checkClasses, classCounts, lookUp, openClips } from '../clips'
import type { DataValues, TrainValues } from '../options/train-options'
import type { Opening } from '../clips'
import type { Dataset } from '../../data/dataset'
import type { FolderDataset } from '../../files/folder-dataset'

export interface RunClips {
  readonly dataset: FolderDataset
  /** What was looked up, beside what was given. */
  readonly values: DataValues
  readonly train: Dataset
  readonly validation: Dataset
  /** The folder's own, or that of another folder. */
  readonly validationSource: FolderDataset
  /** Clips of each class in the training part, or how often each label comes there; none of a regression. */
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
    ...(dataset.targetKind === 'labels' && { stratify: false }), //   strings would be read from all clips for nothing
    ...(isGrouped && { by: dataset.groups }),
  })
  const counts = classCounts(dataset, parts.train.indices)
  const missing = counts.indexOf(0)
  if (missing >= 0) {
    const why = isGrouped
      ? `the split keeps groups together (${dataset.groupRule}); give \`--group clip\`, or \`--validation-data\``
      : 'all of them are among the clips to choose by; add clips, or give `--validation-data`'
    const message = `Expected clips of every class to learn from in '${path}', received none of '${dataset.classes[missing]}': ${why}`
    throw new ZoetropeError('ERR_DATA', message, { path, class: dataset.classes[missing] })
  }
  const chosen = classCounts(dataset, parts.validation.indices)
  const unchosen = dataset.classes.filter((_, index) => chosen[index] === 0)
  const unseen = unchosen.length > 0 ? `; no clips to choose by of ${unchosen.join(', ')}` : ''
  const how = isGrouped ? `split by group (${dataset.groupRule})` : 'split by clip, since clips are in no groups'
  return { ...parts, counts, rule: `${how}${unseen}` }
}
