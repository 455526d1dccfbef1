/**
 * The only importer of the addon. It and libtorch load at the first call that needs them, once.
 */
import { contain } from './contain'
import { loadAddon } from './loader/load'
import type * as Native from '../index'

export type {
  NativeAudit,
  NativeBatch,
  NativeCounts,
  NativeGenerationOptions,
  NativeDecoder,
  NativeDecoding,
  NativeFeatureUse,
  NativeFeatures,
  NativeForecast,
  NativeForecastErrors,
  NativeGroup,
  NativeLabelString,
  NativeLayer,
  NativeMetrics,
  NativeModel,
  NativeModelAudit,
  NativeMismatch,
  NativeNamedArray,
  NativeOnnxFile,
  NativeOptimizer,
  NativePass,
  NativePrefixes,
  NativeStatistics,
  NativeRule,
  NativeStepSampling,
  NativeSnapshot,
  NativeStateDict,
  NativeStrings,
  NativeTargets,
  NativeTensorDataset,
  NativeWritten,
} from '../index'

type NativeModule = typeof Native

let loaded: NativeModule | undefined

/**
 * The addon, loaded by the first call.
 *
 * @throws {ZoetropeError} `ERR_NATIVE_LOAD` when the addon or libtorch cannot be loaded; see `src/loader/`.
 */
export function native(): NativeModule {
  loaded ??= load()
  return loaded
}

function load(): NativeModule {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- index.d.ts is generated from what the addon exports
  const addon = contain(loadAddon() as NativeModule)
  // libtorch must not be torn down in the middle of a step. Here the step ends before anything is; the addon itself
  // waits once more, for whoever takes this listener away.
  process.once('exit', () => addon.shutDown())
  return addon
}
