import { ZoetropeError } from '../../errors'
import type { Preprocessing } from '../../config/preprocessing'
import type { AnyCnnLstm } from '../../model/cnn-lstm'

/** How a model's inputs are made of files. A model that was not trained on files does not say. */
export function preprocessingOf({ config }: AnyCnnLstm, path: string): Preprocessing {
  if (config.preprocessing !== null) return config.preprocessing
  const message = `Expected a model that says how its inputs are made of files, received '${path}', which does not: give \`preprocessing\` to CnnLstm.create, or train it by zoetrope train`
  throw new ZoetropeError('ERR_DATA', message, { path })
}
