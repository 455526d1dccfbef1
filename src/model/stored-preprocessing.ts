import { reasonOf } from '../common/checks'
import { checkPreprocessing } from '../config/preprocessing'
import { ZoetropeError } from '../errors'
import type { ModelConfig } from '../config/model'
import type { Preprocessing } from '../config/preprocessing'

/** How a model's inputs are made of files. A model's file may say anything: what it says is checked here. */
export function storedPreprocessing({ preprocessing }: ModelConfig): Preprocessing {
  if (preprocessing === null) {
    const message =
      'The model does not know how its inputs are made of files: create it with `preprocessing: dataset.preprocessing` ' +
      'of the FolderDataset that it learns from'
    throw new ZoetropeError('ERR_INVALID_CONFIG', message, { option: 'preprocessing' })
  }
  try {
    return checkPreprocessing(preprocessing)
  } catch (cause) {
    const message = `The model's file has no preprocessing that this version reads: ${reasonOf(cause)}`
    throw new ZoetropeError('ERR_CHECKPOINT', message, { option: 'preprocessing' }, { cause })
  }
}
