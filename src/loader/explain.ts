/** Why the addon does not load, in the words of whoever must put it right. */
import { ZoetropeError } from '../errors'
import { gather } from './evidence'
import { LIBTORCH_VARIABLE } from './libtorch'
import { ADDON_VARIABLE } from './locate'
import { LIBTORCH_VERSION, PREBUILT, isOlder, prebuiltFor } from './platform'
import type { Evidence } from './evidence'
import type { Location } from './locate'
import type { Platform } from './platform'

/** A cause and its remedy. */
interface Explanation {
  /** For programs: `details.reason`. */
  readonly reason: string
  /** What was found. */
  readonly found: string
  /** What to do. */
  readonly remedy: string
}

/** A cause that the facts may show. */
type Suspicion = (evidence: Evidence) => Explanation | undefined

/** From what makes everything else pointless to what takes a second to look into. */
const SUSPICIONS: readonly Suspicion[] = [
  unsupported,
  otherLibc,
  missingPackage,
  otherVersion,
  addonsDisabled,
  oldGlibc,
  oldProcessor,
  namedAddon,
  otherLibtorch,
  damaged,
  otherLibrary,
  unbuilt,
]

/** The error for a failure of loading; `location` is `undefined` where a package is missing. */
export function explain(location: Location | undefined, cause: unknown): ZoetropeError {
  return errorOf(gather(location, cause))
}

/** The error for what the facts show. */
export function errorOf(evidence: Evidence): ZoetropeError {
  const { platform, node, location, cause } = evidence
  const { reason, found, remedy } = explanationOf(evidence)
  const details = {
    reason,
    os: platform.os,
    cpu: platform.cpu,
    glibc: platform.glibc,
    node,
    ...(location && { addon: location.addon, libtorch: location.libtorch?.folder }),
    ...(cause !== undefined && { system: systemReason(cause) }),
  }
  const message = `The native addon does not load on ${nameOf(platform)}, Node ${node}: ${found}. ${remedy}`
  return new ZoetropeError('ERR_NATIVE_LOAD', message, details, cause === undefined ? {} : { cause })
}

function explanationOf(evidence: Evidence): Explanation {
  for (const suspicion of SUSPICIONS) {
    const explanation = suspicion(evidence)
    if (explanation !== undefined) return explanation
  }
  return unknown(evidence)
}

function nameOf({ os, cpu, glibc }: Platform): string {
  if (os !== 'linux') return `${os}-${cpu}`
  return `${os}-${cpu}, ${glibc === undefined ? 'another C library than glibc' : `glibc ${glibc}`}`
}

function unsupported({ platform }: Evidence): Explanation | undefined {
  if (prebuiltFor(platform) !== undefined) return undefined
  const there = PREBUILT.map(({ os, cpu }) => `${os}-${cpu}`).join(' and ')
  const remedies: Readonly<Record<string, string>> = {
    win32: 'Install and run it inside of WSL',
    darwin: 'Install and run it inside of a Linux container: `docker run -it node:22`',
  }
  return {
    reason: 'platform',
    found: `there are prebuilt addons for ${there} only`,
    remedy: remedies[platform.os] ?? 'Run it on a machine with one of these',
  }
}

function otherLibc({ platform }: Evidence): Explanation | undefined {
  if (platform.glibc !== undefined) return undefined
  return {
    reason: 'libc',
    found: 'libtorch needs glibc, and this system has another C library (Alpine Linux has musl)',
    remedy: 'Use an image with glibc, such as `node:22-slim` in place of `node:22-alpine`',
  }
}

/** npm leaves optional dependencies out on request, and, before npm 11, by a lock file that another system wrote. */
function missingPackage(evidence: Evidence): Explanation | undefined {
  if (evidence.location !== undefined || evidence.cause !== undefined) return undefined
  if (evidence.isClone) return unbuilt(evidence)
  const prebuilt = prebuiltFor(evidence.platform)
  if (prebuilt === undefined) return undefined
  const { addon, libtorch } = prebuilt
  const { installed, version } = evidence
  const hasAddon = installed.includes(addon)
  const found = `the package ${hasAddon ? libtorch : addon} is not installed`
  if (evidence.hidesFiles) {
    return {
      reason: 'package-missing',
      found: `${found}, or Node's \`--permission\` hides it`,
      remedy:
        'Allow Node to read the folder node_modules (`--allow-fs-read=/path/to/node_modules/*`), or install the package',
    }
  }
  if (!hasAddon && installed.length > 0) {
    return {
      reason: 'package-missing',
      found: `${found}, but ${installed.join(', ')} is: node_modules was installed on another system`,
      remedy:
        'Install on this system: delete node_modules, then run `npm ci`. If the lock file was written on the other system ' +
        'and `npm ci` does not help, delete package-lock.json too and run `npm install`',
    }
  }
  return {
    reason: 'package-missing',
    found,
    remedy:
      'Either optional dependencies were left out (`--omit=optional`, `--no-optional`), or the lock file was written on ' +
      'another system and the package manager follows it. Run `npm install --include=optional`; if that does not help, ' +
      'delete node_modules and package-lock.json and install again. By name it is ' +
      `\`npm install ${hasAddon ? libtorch : `${addon}@${version}`}\``,
  }
}

/** Package managers install what is pinned, unless they are told otherwise or node_modules was put together by hand. */
function otherVersion({ version, addonVersion, platform }: Evidence): Explanation | undefined {
  if (addonVersion === undefined || addonVersion === version) return undefined
  const addon = prebuiltFor(platform)?.addon
  return {
    reason: 'package-version',
    found: `the package ${addon} has version ${addonVersion}, and zoetrope ${version} needs ${version}`,
    remedy: `Delete node_modules and install again, without an override of ${addon}`,
  }
}

function addonsDisabled({ cause }: Evidence): Explanation | undefined {
  if (codeOf(cause) !== 'ERR_DLOPEN_DISABLED') return undefined
  return {
    reason: 'addons-disabled',
    found: `this Node was told to load no native addon (${systemReason(cause)})`,
    remedy: 'Start Node without `--no-addons`; where `--permission` is used, add `--allow-addons`',
  }
}

function oldGlibc({ platform, neededGlibc }: Evidence): Explanation | undefined {
  if (neededGlibc === undefined || !isOlder(platform.glibc ?? '', neededGlibc)) return undefined
  return {
    reason: 'glibc',
    found: `glibc ${neededGlibc} or newer is needed, and this system has ${platform.glibc}`,
    remedy: 'Use a newer distribution: Debian 11, Ubuntu 20.04, RHEL 9, Amazon Linux 2023 or later',
  }
}

function oldProcessor({ missingInstructions: missing }: Evidence): Explanation | undefined {
  if (missing.length === 0) return undefined
  return {
    reason: 'processor',
    found: `libtorch needs a processor with ${missing.join(' and ')}, which this one lacks`,
    remedy:
      'Use another machine. In a virtual machine, pass the processor of the host through (QEMU: `-cpu host`), or choose a ' +
      'model from Nehalem (2008) on',
  }
}

/** Another file than the package's was asked for. */
function namedAddon({ location, cause }: Evidence): Explanation | undefined {
  if (location?.from !== 'environment') return undefined
  return {
    reason: 'addon-variable',
    found: `${ADDON_VARIABLE} names ${location.addon}, which cannot be loaded (${systemReason(cause)})`,
    remedy: `Unset ${ADDON_VARIABLE} to use the addon of the package, or build that file again with \`npm run build\` in a clone`,
  }
}

/** Two of them in one process end it, so the second is not tried. */
function otherLibtorch({ libtorchBefore: before }: Evidence): Explanation | undefined {
  if (before === undefined || before.version === LIBTORCH_VERSION) return undefined
  return {
    reason: 'other-library',
    found:
      `another package has loaded libtorch ${before.version ?? 'of an unknown version'} into this process before ` +
      `(${before.folder}), a process can have one libtorch only, and Zoetrope needs ${LIBTORCH_VERSION}`,
    remedy:
      'Use the two packages in processes of their own (`child_process.fork`), or have both use one libtorch ' +
      LIBTORCH_VERSION,
  }
}

function damaged({ damage }: Evidence): Explanation | undefined {
  if (damage === undefined) return undefined
  if (damage.includes('cannot be read')) {
    return { reason: 'damaged', found: damage, remedy: 'Let this user read it: `chmod -R a+rX node_modules`' }
  }
  return {
    reason: 'damaged',
    found: `${damage}: the installation was interrupted, or something changed the file`,
    remedy:
      'Delete node_modules and install again. If that does not help, look for free space on the disk and run `npm cache verify`',
  }
}

/** A library of the same name that the process had before is the one that everybody gets. */
function otherLibrary({ foreignLibraries: foreign, cause }: Evidence): Explanation | undefined {
  if (foreign.length === 0 || !/symbol|version/i.test(systemReason(cause))) return undefined
  return {
    reason: 'other-library',
    found:
      `another package has loaded ${foreign.join(' and ')} into this process before, which does not fit ` +
      `(${systemReason(cause)})`,
    remedy:
      'Load Zoetrope before that package (calling `getNumThreads()` does it), use the two in processes of their own ' +
      `(\`child_process.fork\`), or have both use one libtorch by ${LIBTORCH_VARIABLE}`,
  }
}

/** In a clone there is one thing to do about everything else. */
function unbuilt({ isClone, location, cause }: Evidence): Explanation | undefined {
  if (!isClone || location?.from === 'package') return undefined
  return {
    reason: 'clone',
    found: location === undefined ? 'this clone of the repository has no addon yet' : systemReason(cause),
    remedy: 'Run `npm run build` in the clone',
  }
}

function unknown({ cause }: Evidence): Explanation {
  return {
    reason: 'unknown',
    found: systemReason(cause),
    remedy: 'Run `npx zoetrope doctor`, which looks at everything that is needed, or install the package again',
  }
}

/** The system's own words: the first line. Errors of another realm, such as Jest's, are told by their message. */
function systemReason(cause: unknown): string {
  const message = typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause
  return (String(message).split('\n', 1)[0] ?? '').replace(/\.$/, '')
}

function codeOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
}
