/** The package's own files: versions, where each library came from, whether it is what was packed. */
import { basename, dirname } from 'node:path'
import { failed, note, ok } from './check'
import { findDamage } from '../loader/integrity'
import { LIBTORCH_VARIABLE } from '../loader/libtorch'
import { ADDON_VARIABLE, locate, manifestOf, packageRoot } from '../loader/locate'
import { foreignLibraries, loadedLibraries } from '../loader/machine'
import { currentPlatform, LIBTORCH_VERSION } from '../loader/platform'
import type { Check } from './check'
import type { Location } from '../loader/locate'

/** What is installed, and the glibc that it needs. */
export interface Installation {
  readonly checks: Check[]
  readonly location: Location | undefined
  readonly glibc: string | undefined
}

export function checkInstallation(): Installation {
  const version = manifestOf(packageRoot())?.version ?? 'of no version'
  const location = locate()
  if (location === undefined) {
    const { os, cpu } = currentPlatform()
    const found = `zoetrope ${version} without the addon for ${os}-${cpu}`
    return { checks: [failed('packages', found, 'see `loading` below')], location, glibc: undefined }
  }
  const addon = manifestOf(dirname(location.addon))
  const sources = {
    package: `${addon?.name} ${addon?.version}`,
    clone: 'built in this clone',
    environment: `${location.addon}, by ${ADDON_VARIABLE}`,
  }
  const from = sources[location.from]
  const found = `zoetrope ${version}, addon: ${from}, libtorch ${LIBTORCH_VERSION}`
  return { checks: [ok('packages', found), checkFiles(location)], location, glibc: addon?.glibc }
}

/** What npm did not install has no sums to be compared with. */
function checkFiles(location: Location): Check {
  const { from, libtorch } = location
  const damage = findDamage(location)
  if (damage !== undefined) return failed('files', damage, 'delete node_modules and install again')
  const addon = from === 'package' ? 'as they were packed (SHA-256)' : 'the addon is not from a package'
  if (libtorch === undefined) return ok('files', `${addon}; libtorch: the one of its build`)
  const source = libtorch.from === 'environment' ? `, by ${LIBTORCH_VARIABLE}, not compared with anything` : ''
  return ok('files', `${addon}; libtorch: ${libtorch.folder}${source}`)
}

/** After the addon is loaded: which files the process really has. */
export function checkLibraries(location: Location | undefined): Check[] {
  const shown = /^(libtorch|libc10|libgomp|libomp|libiomp|zoetrope|libcuda)/
  const paths = loadedLibraries().filter((path) => shown.test(basename(path)))
  if (paths.length === 0) return []
  const foreign = location?.libtorch === undefined ? [] : foreignLibraries(location.libtorch.folder)
  const check = ok('loaded', byFolder(paths))
  if (foreign.length === 0) return [check]
  const remedy = 'it works here; where it does not, load zoetrope before the package that brings it'
  return [check, note('foreign libraries', foreign.join(', '), remedy)]
}

/** `a.so, b.so from /folder; …` */
function byFolder(paths: readonly string[]): string {
  const folders = new Map<string, string[]>()
  for (const path of paths) folders.set(dirname(path), [...(folders.get(dirname(path)) ?? []), basename(path)])
  return [...folders].map(([folder, names]) => `${names.join(', ')} from ${folder}`).join('; ')
}
