/** Loads the addon: first libgomp, then libtorch, each by its absolute path, then the addon that needs them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ZoetropeError } from '../errors'
import { loadWithShortWaits } from '../openmp'
import { isOtherVersion } from './evidence'
import { explain } from './explain'
import { findWrongSize } from './integrity'
import { versionOf } from './libtorch'
import { locate } from './locate'
import { libtorchInProcess, missingInstructions } from './machine'
import { LIBTORCH_VERSION } from './platform'
import type { Location } from './locate'

/**
 * In the order in which they are opened. libtorch's own search path (`$ORIGIN` and the folders of a PyTorch beside it)
 * finds the rest. libgomp comes first: whichever the process has is the one that everybody gets.
 */
const LIBRARIES = ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']

/** The exports of `crates/zoetrope-loader`. */
interface Opener {
  readonly openLibrary: (path: string) => string | null
}

/**
 * The addon's exports.
 *
 * @throws {ZoetropeError} `ERR_NATIVE_LOAD`, which says what was found and what to do; `cause` has the system's reason.
 */
export function loadAddon(): unknown {
  let location: Location | undefined
  try {
    const found = locate()
    location = found
    const missing = missingInstructions(process.arch) //      without them the process dies, or a layer fails later
    const present = libtorchInProcess() //                    a second libtorch would end the process
    const isOther = present !== undefined && versionOf(present) !== LIBTORCH_VERSION
    if (found === undefined || missing.length > 0 || isOther) throw explain(found, undefined)
    if (isOtherVersion(found) || findWrongSize(found) !== undefined) throw explain(found, undefined)
    return loadWithShortWaits(() => load(found, present !== undefined))
  } catch (cause) {
    throw cause instanceof ZoetropeError ? cause : explain(location, cause)
  }
}

/** What the process has already is what the addon gets: the linker goes by the libraries' names. */
function load({ opener, addon, libtorch }: Location, hasLibtorch: boolean): unknown {
  if (libtorch !== undefined && !hasLibtorch) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what crates/zoetrope-loader exports
    const { openLibrary } = requireFile(opener) as Opener
    for (const name of LIBRARIES) {
      const path = join(libtorch.folder, name)
      if (libtorch.from === 'environment' && !existsSync(path)) continue //  some builds of PyTorch link libgomp otherwise
      const reason = openLibrary(path)
      if (reason !== null) throw new Error(reason)
    }
  }
  const loaded = requireFile(addon)
  if (typeof loaded === 'object' && loaded !== null && 'shutDown' in loaded) return loaded
  throw new Error(`${addon} is not an addon of Zoetrope`)
}

/** `require` of a path that only this machine knows: bundlers must not follow it. */
function requireFile(path: string): unknown {
  return module.require(path)
}
