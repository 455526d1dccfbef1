/** Loads the addon: first libgomp, then libtorch, each by its absolute path, then the addon that needs them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ZoetropeError } from '../errors'
import { loadWithShortWaits } from '../openmp'
import { explain } from './explain'
import { locate } from './locate'
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
  const location = locate()
  if (location === undefined) throw explain(undefined, undefined)
  try {
    return loadWithShortWaits(() => {
      openLibtorch(location)
      return requireFile(location.addon)
    })
  } catch (cause) {
    throw cause instanceof ZoetropeError ? cause : explain(location, cause)
  }
}

function openLibtorch({ opener, libtorch }: Location): void {
  if (libtorch === undefined) return
  const { openLibrary } = requireFile(opener) as Opener
  for (const name of LIBRARIES) {
    const path = join(libtorch.folder, name)
    if (libtorch.from === 'environment' && !existsSync(path)) continue //  some builds of PyTorch link libgomp otherwise
    const reason = openLibrary(path)
    if (reason !== null) throw new Error(reason)
  }
}

/** `require` of a path that only this machine knows: bundlers must not follow it. */
function requireFile(path: string): unknown {
  return module.require(path)
}
