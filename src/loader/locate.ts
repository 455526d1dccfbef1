/** Where the addon and libtorch lie: in npm's packages, in a clone's build, or in a user's own PyTorch. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { ZoetropeError } from '../errors'
import { LIBTORCH_VERSION, prebuiltFor } from './platform'
import type { Prebuilt } from './platform'

/** A libtorch, by the folder of its libraries. */
export interface Libtorch {
  /** Absolute. */
  readonly folder: string
  /** Who put it there: npm, or the user by `ZOETROPE_LIBTORCH`. */
  readonly from: 'package' | 'environment'
}

/** What is loaded, and from where. */
export interface Location {
  /** The addon that opens libraries. */
  readonly opener: string
  /** The addon. */
  readonly addon: string
  /** `undefined` in a clone, whose addon knows by itself where the libtorch of its build is. */
  readonly libtorch: Libtorch | undefined
}

/** Names the folder of a libtorch's libraries, such as `site-packages/torch/lib`. */
export const LIBTORCH_VARIABLE = 'ZOETROPE_LIBTORCH'

const NAME_OF_THIS_PACKAGE = 'zoetrope'

/** Finds the files. Throws where the package itself is not as npm installs it; what is merely missing is `undefined`. */
export function locate(): Location | undefined {
  const root = packageRoot()
  const prebuilt = prebuiltFor({ os: process.platform, cpu: process.arch })
  if (prebuilt === undefined) return undefined
  const own = ownLibtorch(process.env[LIBTORCH_VARIABLE])
  const suffix = `${prebuilt.os}-${prebuilt.cpu}-gnu.node`
  const built = { opener: join(root, `zoetrope-loader.${suffix}`), addon: join(root, `zoetrope.${suffix}`) }
  if (existsSync(built.addon)) return { ...built, libtorch: own }
  return installed(root, prebuilt, own)
}

function installed(root: string, prebuilt: Prebuilt, own: Libtorch | undefined): Location | undefined {
  const addon = packageFolder(root, prebuilt.addon)
  if (addon === undefined) return undefined
  const files = { opener: join(addon, 'loader.node'), addon: join(addon, 'zoetrope.node') }
  if (own !== undefined) return { ...files, libtorch: own }
  const folder = packageFolder(addon, prebuilt.libtorch)
  if (folder === undefined) return undefined
  return { ...files, libtorch: { folder: join(folder, 'lib'), from: 'package' } }
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
  const root = resolve(__dirname, '..', '..')
  const name = manifestOf(root)?.['name']
  if (name === NAME_OF_THIS_PACKAGE) return root
  throw new ZoetropeError(
    'ERR_NATIVE_LOAD',
    `Expected to run from the package '${NAME_OF_THIS_PACKAGE}' in node_modules, received ${__filename}: a bundler has put ` +
      'its JavaScript into another file, where the native addon is not found. Leave the package out of the bundle: ' +
      '`--external:zoetrope` (esbuild), `externals: ["zoetrope"]` (webpack), `external: ["zoetrope"]` (Rollup, Vite), ' +
      '`serverExternalPackages: ["zoetrope"]` (Next.js), and install it beside the bundle',
    { reason: 'bundled', path: __filename },
  )
}

/** A package's manifest; `undefined` where there is none. */
export function manifestOf(folder: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Checks the folder that the user names. */
export function ownLibtorch(named: string | undefined): Libtorch | undefined {
  if (named === undefined || named === '') return undefined
  const folder = resolve(named)
  const refuse = (found: string, reason: string): ZoetropeError =>
    new ZoetropeError(
      'ERR_NATIVE_LOAD',
      `Expected the folder of libtorch ${LIBTORCH_VERSION}'s libraries in ${LIBTORCH_VARIABLE}, received '${named}', ${found}. ` +
        `Set it to the \`torch/lib\` of a PyTorch ${LIBTORCH_VERSION} ` +
        `(\`python3 -c "import torch; print(torch.__path__[0] + '/lib')"\`), or unset it to use the libtorch that npm installs`,
      { reason, path: folder },
    )
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw refuse('which is no folder', 'libtorch-missing')
  if (!existsSync(join(folder, 'libtorch_cpu.so'))) throw refuse('where libtorch_cpu.so is missing', 'libtorch-missing')
  const version = versionOf(folder)
  if (version === undefined) throw refuse('whose version nothing tells', 'libtorch-version')
  if (version !== LIBTORCH_VERSION) throw refuse(`which is libtorch ${version}`, 'libtorch-version')
  return { folder: realpathSync(folder), from: 'environment' }
}

/** The version of a libtorch without its local part: `2.11.0` of `2.11.0+cu130`. */
function versionOf(folder: string): string | undefined {
  const places = [
    { file: join(folder, '..', 'version.py'), pattern: /__version__\s*=\s*['"]([\d.]+)/ }, //       PyTorch's wheel
    { file: join(folder, '..', 'build-version'), pattern: /^([\d.]+)/ }, //                         libtorch's archive
    { file: join(folder, 'manifest.json'), pattern: /"libtorch":\s*"([\d.]+)/ }, //                 npm's package
    { file: join(folder, '..', 'manifest.json'), pattern: /"libtorch":\s*"([\d.]+)/ },
  ]
  for (const { file, pattern } of places) {
    if (!existsSync(file)) continue
    const version = pattern.exec(readFileSync(file, 'utf8'))?.[1]
    if (version !== undefined) return version
  }
  return undefined
}
