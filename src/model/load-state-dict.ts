/** A state dict into a model: from a file or from arrays, by names of its own or by others. */
import { checkPath } from '../common/checks'
import { checkLoadOptions, toLoadResult } from './load-options'
import { copyStateDict } from './state-dict'
import type { NdArray } from '../common/nd-array'
import type { Outcome } from '../errors'
import type { NativeMismatch, NativeModel } from '../native'
import type { ModelHandle } from './handle'
import type { CheckedLoad, LoadOptions, LoadResult } from './load-options'

export async function loadStateDict(
  handle: ModelHandle,
  state: string | URL | Iterable<readonly [string, NdArray]>,
  options: LoadOptions,
): Promise<LoadResult> {
  const load = checkLoadOptions(options)
  if (typeof state === 'string' || state instanceof URL) {
    const file = checkPath(state, 'state')
    return toLoadResult(await handle.change(async (model) => loadFile(model, file, load), load.renames))
  }
  handle.checkUsable() //                    before anything is copied
  const weights = copyStateDict(state, load)
  return toLoadResult(await handle.change((model) => model.loadStateDict(weights, load.strict)))
}

/** The tensors are named before they are loaded, so that they can be given other names. */
async function loadFile(model: NativeModel, file: string, load: CheckedLoad): Promise<Outcome<NativeMismatch>> {
  if (!load.renames) return model.loadStateDictFile(file, load.strict)
  const names = await model.tensorNames(file)
  return names.ok ? model.loadStateDictFile(file, load.strict, load.pair(names.value).flat()) : names
}
