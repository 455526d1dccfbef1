/** A state dict into a model: from a file or from arrays, by names of its own or by others. */
import { checkPath } from '../common/checks'
import { ZoetropeError } from '../errors'
import { checkLoadOptions, toLoadResult } from './load-options'
import { copyStateDict } from './state-dict'
import type { NdArray } from '../common/nd-array'
import type { Outcome } from '../errors'
import type { NativeMismatch, NativeModel } from '../native'
import type { ModelHandle } from './handle'
import type { CheckedLoad, LoadOptions, LoadResult } from './load-options'

/** What the names of a CNN's tensors begin with. */
const CNN = 'cnn.'

export async function loadStateDict(
  handle: ModelHandle,
  state: string | URL | Iterable<readonly [string, NdArray]>,
  options: LoadOptions,
): Promise<LoadResult | undefined> {
  const load = checkLoadOptions(options)
  const result = await loadChecked(handle, state, load)
  return load.strict ? undefined : result
}

async function loadChecked(
  handle: ModelHandle,
  state: string | URL | Iterable<readonly [string, NdArray]>,
  load: CheckedLoad,
): Promise<LoadResult> {
  if (typeof state === 'string' || state instanceof URL) {
    const file = checkPath(state, 'state')
    return toLoadResult(await handle.change(async (model) => loadFile(model, file, load), load.renames))
  }
  handle.checkUsable() //                    before anything is copied
  const { weights, part } = copyStateDict(state, load, handle.native.parameterNames)
  return toLoadResult(await handle.change((model) => model.loadStateDict(weights, load.strict, part)))
}

/** The CNN of a new model from a file that may hold more: a classifier of its own, or a whole model's weights. */
export async function loadCnn(handle: ModelHandle, file: string): Promise<void> {
  const { missing, omitted } = await loadChecked(handle, file, checkLoadOptions({ prefix: CNN, strict: false }))
  const count = missing.length + omitted.missing
  if (count === 0) return
  const more = omitted.missing === 0 ? '' : ` and ${omitted.missing} more`
  const message = `Expected the weights of the CNN in '${file}', which lacks ${count} of them: ${missing.join(', ')}${more}`
  throw new ZoetropeError('ERR_CHECKPOINT', message, { path: file, missing, omitted: { missing: omitted.missing } })
}

/** The tensors are named before they are loaded, so that they can be given other names. */
async function loadFile(model: NativeModel, file: string, load: CheckedLoad): Promise<Outcome<NativeMismatch>> {
  if (!load.renames) return model.loadStateDictFile(file, load.strict)
  const names = await model.tensorNames(file)
  if (!names.ok) return names
  const part = load.partOf(names.value, model.parameterNames)
  return model.loadStateDictFile(file, load.strict, load.pair(names.value, part).flat(), part)
}
