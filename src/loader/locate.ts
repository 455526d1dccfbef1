/** Where the addon and libtorch lie: in npm's packages, in a clone's build, or in a user's own PyTorch. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { ZoetropeError } from '../errors'
import { asObject, asText, readObject } from './json'
import { LIBTORCH_VARIABLE, ownLibtorch } from './libtorch'
import { prebuiltFor } from './platform'
import type { Libtorch } from './libtorch'
import type { Prebuilt } from './platform'

/** What is loaded, and from where. */
export interface Location {
  /** The addon that opens libraries. */
  readonly opener: string
  /** The addon. */
  readonly addon: string
  /** Who put the addon there: npm, `npm run build` in a clone, or the user by `NAPI_RS_NATIVE_LIBRARY_PATH`. */
  readonly from: 'package' | 'clone' | 'environment'
  /** `undefined` in a clone, whose addon knows by itself where the libtorch of its build is. */
  readonly libtorch: Libtorch | undefined
}

/** Names another addon than the package's. The name is that of napi-rs, which made this addon's bindings. */
export const ADDON_VARIABLE = 'NAPI_RS_NATIVE_LIBRARY_PATH'

const NAME_OF_THIS_PACKAGE = 'zoetrope'

/** Finds the files. Throws where the package itself is not as npm installs it; what is merely missing is `undefined`. */
export function locate(): Location | undefined {
  const root = packageRoot()
  const prebuilt = prebuiltFor({ os: process.platform, cpu: process.arch })
  if (prebuilt === undefined) return undefined
  const own = ownLibtorch(process.env[LIBTORCH_VARIABLE])
  const location = built(root, prebuilt, own) ?? installed(root, prebuilt, own)
  const named = process.env[ADDON_VARIABLE]
  if (location === undefined || named === undefined || named === '') return location
  return { ...location, addon: resolve(named), from: 'environment' }
}

function built(root: string, { os, cpu }: Prebuilt, libtorch: Libtorch | undefined): Location | undefined {
  const file = (name: string): string => join(root, `${name}.${os}-${cpu}-gnu.node`)
  const addon = file('zoetrope')
  return existsSync(addon) ? { opener: file('zoetrope-loader'), addon, from: 'clone', libtorch } : undefined
}

function installed(root: string, prebuilt: Prebuilt, own: Libtorch | undefined): Location | undefined {
  const folder = packageFolder(root, prebuilt.addon)
  if (folder === undefined) return undefined
  const libtorch = own ?? packagedLibtorch(folder, prebuilt)
  if (libtorch === undefined) return undefined
  return { opener: join(folder, 'loader.node'), addon: join(folder, 'zoetrope.node'), from: 'package', libtorch }
}

function packagedLibtorch(addon: string, { libtorch }: Prebuilt): Libtorch | undefined {
  const folder = packageFolder(addon, libtorch)
  return folder === undefined ? undefined : { folder: join(folder, 'lib'), from: 'package' }
}

/** Whether the package is a clone of its repository, where the addon is built and not installed. */
export function isClone(root: string): boolean {
  return existsSync(join(root, 'crates'))
}

/** The folder of a package as a module in `from` finds it, whatever the package manager; `undefined` where it is not. */
export function packageFolder(from: string, name: string): string | undefined {
  try {
    return dirname(createRequire(join(from, 'package.json')).resolve(`${name}/package.json`))
  } catch {
    return undefined
  }
}

/** The folder of the package that this file is in. A bundler that took the file along left the package behind. */
export function packageRoot(): string {
  const file = typeof __filename === 'string' ? __filename : undefined //      a bundle of ECMAScript modules has none
  const root = file === undefined ? undefined : resolve(dirname(file), '..', '..')
  if (root !== undefined && manifestOf(root)?.name === NAME_OF_THIS_PACKAGE) return root
  throw new ZoetropeError(
    'ERR_NATIVE_LOAD',
    `Expected to run from the folder of the package '${NAME_OF_THIS_PACKAGE}' in node_modules, received ` +
      `${file ?? 'a bundle of ECMAScript modules'}: a bundler has ` +
      'put the JavaScript of the package into a file of its own, from where the native addon is not found. Leave the ' +
      'package out of the bundle, with `--external:zoetrope` (esbuild), `externals: { zoetrope: "commonjs zoetrope" }` ' +
      '(webpack), `external: ["zoetrope"]` (Rollup; Vite: `build.rollupOptions.external` or `ssr.external`) or ' +
      '`serverExternalPackages: ["zoetrope"]` (Next.js), and install the package where the bundle runs',
    { reason: 'bundled', path: file },
  )
}

/** What a package's manifest says of it. */
export interface Manifest {
  readonly name: string | undefined
  readonly version: string | undefined
  /** The glibc that it needs, where it says so. */
  readonly glibc: string | undefined
}

/** A package's manifest; `undefined` where there is none. */
export function manifestOf(folder: string): Manifest | undefined {
  const manifest = readObject(join(folder, 'package.json'))
  if (manifest === undefined) return undefined
  const { name, version, config } = manifest
  return { name: asText(name), version: asText(version), glibc: asText(asObject(config)?.['glibc']) }
}
