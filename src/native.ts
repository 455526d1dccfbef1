/**
 * The only importer of the addon. It and libtorch load at the first call that needs them, once.
 */
import { ZoetropeError } from './errors'
import { loadWithShortWaits } from './openmp'
import type * as Native from '../index.js'

export type {
  NativeAudit,
  NativeBatch,
  NativeCounts,
  NativeGroup,
  NativeLayer,
  NativeMetrics,
  NativeModel,
  NativeModelAudit,
  NativeNamedArray,
  NativeOptimizer,
  NativePass,
  NativeStatistics,
  NativeRule,
  NativeSnapshot,
  NativeTensorDataset,
} from '../index.js'

type NativeModule = typeof Native

let loaded: NativeModule | undefined

/**
 * The addon, loaded by the first call.
 *
 * @throws {ZoetropeError} `ERR_NATIVE_LOAD` when the addon or libtorch cannot be loaded; `cause` has the loader's error.
 */
export function native(): NativeModule {
  loaded ??= load()
  return loaded
}

function load(): NativeModule {
  try {
    const addon = loadWithShortWaits<NativeModule>(() => require('../index.js'))
    process.once('exit', () => addon.shutDown()) //      libtorch must not be torn down in the middle of a step
    return addon
  } catch (cause) {
    const { platform, arch, version } = process
    throw new ZoetropeError(
      'ERR_NATIVE_LOAD',
      `The native addon did not load on ${platform}-${arch}, Node ${version}: ${firstLine(cause)}. ` +
        'Reinstall the package without omitting optional dependencies, or run `npm run build` in a clone of the repository',
      { platform, arch, node: version },
      { cause },
    )
  }
}

function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return (message.split('\n', 1)[0] ?? '').replace(/\.$/, '')
}
