/** The validation data of a run: a loader, or a share of the training data. */
import { checkNumber, rangeError, typeError } from '../common/checks'
import { DataLoader, isLoader, loaderParts } from '../data/data-loader'
import { isDataset } from '../data/data-source'
import { split } from '../data/split/split'

/** The training data and the validation data of a run. */
export interface RunData {
  readonly train: DataLoader
  readonly validation: DataLoader | undefined
}

/** Checks `validation`; a share needs training data that can be asked for by index. */
export function checkValidation(
  validation: DataLoader | number | undefined,
  train: DataLoader,
): DataLoader | number | undefined {
  if (validation === undefined || isLoader(validation)) return validation
  if (typeof validation !== 'number') throw typeError('a DataLoader or a share of the data', 'validation', validation)
  if (!(checkNumber(validation, 'validation', 0, 1) > 0))
    throw rangeError('a number in (0, 1)', 'validation', validation)
  if (!isDataset(loaderParts(train).source)) {
    throw typeError('a loader of a dataset with `length` and `get` to split a share off', 'train', train)
  }
  return validation
}

/**
 * Splits a share off: a pure function of the dataset and the loader's seed, stratified where targets are classes. The
 * rest is trained on with the loader's options; the share is not shuffled, augmented or sampled.
 */
export async function runData(
  train: DataLoader,
  validation: DataLoader | number | undefined,
  signal: AbortSignal | undefined,
): Promise<RunData> {
  if (typeof validation !== 'number') return { train, validation }
  const { source, options, epoch, part } = loaderParts(train)
  if (!isDataset(source)) return { train, validation: undefined }
  const { seed = 0, batchSize, prefetch } = options
  const parts = await split(source, { fractions: { train: 1 - validation, validation }, seed, signal })
  const rest = part(parts.train)
  rest.setEpoch(epoch)
  return { train: rest, validation: new DataLoader(parts.validation, { batchSize, prefetch }) }
}
