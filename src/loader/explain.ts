/** Why the addon does not load, in the words of whoever must put it right. Looked into only after it failed. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { ZoetropeError } from '../errors'
import { findDamage } from './integrity'
import { LIBTORCH_VARIABLE, packageFolder, packageRoot, manifestOf } from './locate'
import { foreignLibraries, missingInstructions } from './machine'
import { PREBUILT, currentPlatform, prebuiltFor } from './platform'
import type { Location } from './locate'
import type { Platform, Prebuilt } from './platform'

/** A cause and its remedy. */
interface Explanation {
  /** For programs: `details.reason`. */
  readonly reason: string
  /** What was found. */
  readonly found: string
  /** What to do. */
  readonly remedy: string
}

/** The error for a failure of loading; `location` is `undefined` where a package is missing. */
export function explain(location: Location | undefined, cause: unknown): ZoetropeError {
  const platform = currentPlatform()
  const { reason, found, remedy } = explanation(platform, location, cause)
  const { version } = process
  const libc = platform.glibc === undefined ? 'another C library than glibc' : `glibc ${platform.glibc}`
  const details = {
    reason,
    os: platform.os,
    cpu: platform.cpu,
    glibc: platform.glibc,
    node: version,
    ...(location && { addon: location.addon, libtorch: location.libtorch?.folder }),
    ...(cause !== undefined && { system: systemReason(cause) }),
  }
  const message = `The native addon does not load on ${platform.os}-${platform.cpu}, ${libc}, Node ${version}: ${found}. ${remedy}`
  return new ZoetropeError('ERR_NATIVE_LOAD', message, details, cause === undefined ? {} : { cause })
}

function explanation(platform: Platform, location: Location | undefined, cause: unknown): Explanation {
  const prebuilt = prebuiltFor(platform)
  if (prebuilt === undefined) return unsupported(platform)
  if (platform.glibc === undefined) return otherLibc()
  if (location === undefined) return missingPackage(prebuilt)
  return (
    addonsDisabled(cause) ??
    oldGlibc(platform.glibc, location) ??
    oldProcessor(platform) ??
    damaged(location) ??
    crowded(location, cause) ??
    unknown(cause)
  )
}

function unsupported({ os, cpu }: Platform): Explanation {
  const there = PREBUILT.map((prebuilt) => `${prebuilt.os}-${prebuilt.cpu}`).join(' and ')
  return {
    reason: 'platform',
    found: `there is no prebuilt addon for ${os}-${cpu}; there is one for ${there}`,
    remedy: 'Run it on such a Linux: a container or WSL with one will do (`docker run -it node:22`)',
  }
}

function otherLibc(): Explanation {
  return {
    reason: 'libc',
    found: 'libtorch needs glibc, and this system has another C library (Alpine Linux has musl)',
    remedy: 'Use an image with glibc, such as `node:22-slim` in place of `node:22-alpine`',
  }
}

/** npm leaves optional dependencies out on request, and, before npm 11, by a lock file that another system wrote. */
function missingPackage({ addon, libtorch }: Prebuilt): Explanation {
  const root = packageRoot()
  const folder = packageFolder(root, addon)
  const missing = folder === undefined ? addon : libtorch
  const others = PREBUILT.filter((other) => other.addon !== addon && packageFolder(root, other.addon) !== undefined)
  const version = String(manifestOf(root)?.['version'] ?? 'latest')
  const wanted = folder === undefined ? `${addon}@${version}` : libtorch
  if (others.length > 0) {
    return {
      reason: 'package-missing',
      found: `the package ${missing} is not installed, but ${others.map((other) => other.addon).join(', ')} is: node_modules was installed on another system`,
      remedy:
        'Install on this one: delete node_modules and run `npm ci`, or `npm install` where the lock file lacks this system',
    }
  }
  return {
    reason: 'package-missing',
    found: `the package ${missing} is not installed`,
    remedy:
      'Optional dependencies were left out (`--omit=optional`, `--no-optional`), or the lock file was written on another ' +
      `system and npm follows it: run \`npm install --include=optional\`, if that does not help delete node_modules and ` +
      `package-lock.json and install again, or install it by name: \`npm install ${wanted}\``,
  }
}

function addonsDisabled(cause: unknown): Explanation | undefined {
  if (codeOf(cause) !== 'ERR_DLOPEN_DISABLED') return undefined
  return {
    reason: 'addons-disabled',
    found: `this Node was told to load no addons (${systemReason(cause)})`,
    remedy: 'Start it without `--no-addons`, and with `--allow-addons` where `--permission` is used',
  }
}

function oldGlibc(found: string, { addon }: Location): Explanation | undefined {
  const config = manifestOf(dirname(addon))?.['config'] as { readonly glibc?: unknown } | undefined
  const needed = config?.glibc
  if (typeof needed !== 'string' || !isOlder(found, needed)) return undefined
  return {
    reason: 'glibc',
    found: `glibc ${needed} or newer is needed, and this system has ${found}`,
    remedy: 'Use a newer distribution: Debian 11, Ubuntu 20.04, RHEL 9, Amazon Linux 2023, or later',
  }
}

function oldProcessor({ cpu }: Platform): Explanation | undefined {
  const missing = missingInstructions(cpu)
  if (missing.length === 0) return undefined
  return {
    reason: 'processor',
    found: `libtorch needs a processor with ${missing.join(', ')}, and this one has it not`,
    remedy: 'Use another machine; in a virtual machine pass the processor of the host through (`-cpu host`)',
  }
}

function damaged({ addon, opener, libtorch }: Location): Explanation | undefined {
  const lost = [addon, opener].find((file) => libtorch !== undefined && !existsSync(file))
  const damage = lost ? `${lost} is missing` : libtorch?.from === 'package' ? findDamage(libtorch.folder) : undefined
  if (damage === undefined) return undefined
  return {
    reason: 'damaged',
    found: `${damage}: the installation was interrupted, or somebody changed it`,
    remedy:
      'Delete node_modules and install again; if it comes back, `npm cache verify` and look at the free space of the disk',
  }
}

/** A library of the same name that the process had before is the one that everybody gets. */
function crowded({ libtorch }: Location, cause: unknown): Explanation | undefined {
  const foreign = foreignLibraries(libtorch?.folder)
  if (foreign.length === 0 || !/symbol|version/i.test(systemReason(cause))) return undefined
  return {
    reason: 'other-library',
    found: `another package has loaded ${foreign.join(', ')} into this process before, which do not fit (${systemReason(cause)})`,
    remedy: `Load zoetrope first (\`isCudaAvailable()\` does), or have both use one libtorch: ${LIBTORCH_VARIABLE}`,
  }
}

function unknown(cause: unknown): Explanation {
  return {
    reason: 'unknown',
    found: systemReason(cause),
    remedy: 'Run `npx zoetrope doctor`, which looks at everything that is needed, and install the package again',
  }
}

/** The system's own words. */
function systemReason(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return (message.split('\n', 1)[0] ?? '').replace(/\.$/, '')
}

function codeOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
}

/** Whether a version of two numbers is older than another. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number)
  return major < thanMajor || (major === thanMajor && minor < thanMinor)
}
