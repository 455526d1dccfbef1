/** What there is to know about a failure of loading. Looked into only after it failed: some of it takes a second. */
import { dirname } from 'node:path'
import { findDamage } from './integrity'
import { versionOf } from './libtorch'
import { isClone, manifestOf, packageFolder, packageRoot } from './locate'
import { foreignLibraries, libtorchInProcess, missingInstructions } from './machine'
import { PREBUILT, currentPlatform } from './platform'
import type { Location } from './locate'
import type { Platform } from './platform'

/** Facts, each looked up when it is asked for. */
export interface Evidence {
  readonly platform: Platform
  /** Node's version, such as `v20.19.0`. */
  readonly node: string
  /** `undefined` where a package is missing. */
  readonly location: Location | undefined
  /** What the system threw; `undefined` where nothing was tried. */
  readonly cause: unknown
  /** Zoetrope's version. */
  readonly version: string
  /** The version of the addon's package; `undefined` where the addon is not from a package. */
  readonly addonVersion: string | undefined
  /** Whether Zoetrope runs from a clone of its repository. */
  readonly isClone: boolean
  /** Whether Node's permission model hides files from this process. */
  readonly hidesFiles: boolean
  /** Addon packages that are installed, whatever system they are for. */
  readonly installed: readonly string[]
  /** The glibc that the addon's package says it needs. */
  readonly neededGlibc: string | undefined
  /** Instruction sets that libtorch needs and the processor lacks. */
  readonly missingInstructions: readonly string[]
  /** The libtorch that the process had before. */
  readonly libtorchBefore: { readonly folder: string; readonly version: string | undefined } | undefined
  /** What is wrong with the package's own files, in words. */
  readonly damage: string | undefined
  /** Libraries of the process that stand in for those of the package. */
  readonly foreignLibraries: readonly string[]
}

/** The facts of this process. */
export function gather(location: Location | undefined, cause: unknown): Evidence {
  const root = packageRoot()
  return {
    platform: currentPlatform(),
    node: process.version,
    location,
    cause,
    version: manifestOf(root)?.version ?? 'latest',
    addonVersion: location && addonVersion(location),
    isClone: isClone(root),
    hidesFiles: hidesFiles(),
    get installed() {
      return PREBUILT.map(({ addon }) => addon).filter((addon) => packageFolder(root, addon) !== undefined)
    },
    get neededGlibc() {
      return location && manifestOf(dirname(location.addon))?.glibc
    },
    get missingInstructions() {
      return missingInstructions(process.arch)
    },
    get libtorchBefore() {
      const folder = libtorchInProcess()
      return folder === undefined ? undefined : { folder, version: versionOf(folder) }
    },
    get damage() {
      return location && findDamage(location)
    },
    get foreignLibraries() {
      return foreignLibraries(location?.libtorch?.folder)
    },
  }
}

/** The package of an addon is made for the JavaScript of one version. */
export function addonVersion({ addon, from }: Location): string | undefined {
  return from === 'package' ? manifestOf(dirname(addon))?.version : undefined
}

/** Whether the addon's package is of another version than this one. */
export function isOtherVersion(location: Location): boolean {
  const version = addonVersion(location)
  return version !== undefined && version !== manifestOf(packageRoot())?.version
}

/** `process.permission` is there under Node's flag `--permission` alone. */
function hidesFiles(): boolean {
  const { permission } = process as { permission?: { has: (scope: string) => boolean } }
  return permission !== undefined && !permission.has('fs.read')
}
