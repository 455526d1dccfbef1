/**
 * The only importer of the addon. It and libtorch load at the first call that needs them, once.
 */
import { contain } from './contain'
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
  NativeStateDict,
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
    const addon = contain(loadWithShortWaits<NativeModule>(() => require('../index.js')))
    // libtorch must not be torn down in the middle of a step. Here the step ends before anything is; the addon itself
    // waits once more, for whoever takes this listener away.
    process.once('exit', () => addon.shutDown())
    return addon
  } catch (cause) {
    const { platform, arch, version } = process
    const reasons = reasonsOf(cause)
    throw new ZoetropeError(
      'ERR_NATIVE_LOAD',
      `The native addon did not load on ${platform}-${arch}, Node ${version}: ${reasons.join('; ')}. ${remedy(reasons)}`,
      { platform, arch, node: version },
      { cause },
    )
  }
}

/**
 * Why each file that may be the addon did not load. The generated loader tries several, throws a guess of its own, and
 * keeps the system's reasons as a chain of causes. A file that is not there says nothing where another one is, and the
 * WebAssembly that the loader looks for at last was never built.
 */
function reasonsOf(thrown: unknown): string[] {
  const causes: unknown[] = [] //      the first one that was tried is the innermost
  for (let cause = causeOf(thrown); isThere(cause) && !causes.includes(cause); cause = causeOf(cause)) {
    causes.unshift(cause)
  }
  const reasons = (causes.length === 0 ? [thrown] : causes).map(firstLine).filter((reason) => !WASI.test(reason))
  const present = reasons.filter((reason) => !isAbsence(reason))
  const told = present.length === 0 ? reasons : present
  return told.length === 0 ? [firstLine(thrown)] : [...new Set(told)]
}

const WASI = /^Cannot find module '\S*wasi/

function isAbsence(reason: string): boolean {
  return reason.startsWith('Cannot find module')
}

function remedy(reasons: readonly string[]): string {
  if (reasons.some((reason) => reason.includes('addons is disabled'))) return 'Start Node without `--no-addons`'
  const reinstall = reasons.every(isAbsence)
    ? 'Reinstall the package without omitting optional dependencies'
    : 'Reinstall the package'
  return `${reinstall}, or run \`npm run build\` in a clone of the repository`
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
}

function isThere(cause: unknown): boolean {
  return cause !== undefined && cause !== null
}

/** Errors of another realm, such as Jest's, are told by their message. */
function firstLine(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
  return (String(message).split('\n', 1)[0] ?? '').replace(/\.$/, '')
}
