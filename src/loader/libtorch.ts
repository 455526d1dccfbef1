/** A libtorch that npm did not install: the user's own, or one that the process has already. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ZoetropeError } from '../errors'
import { LIBTORCH_VERSION } from './platform'

/** A libtorch, by the folder of its libraries. */
export interface Libtorch {
  /** Absolute. */
  readonly folder: string
  /** Who put it there: npm, or the user by `ZOETROPE_LIBTORCH`. */
  readonly from: 'package' | 'environment'
}

/** Names the folder of a libtorch's libraries, such as `site-packages/torch/lib`. */
export const LIBTORCH_VARIABLE = 'ZOETROPE_LIBTORCH'

/** Files that tell a libtorch's version, from the folder of its libraries. */
const VERSION_FILES = [
  { file: ['..', 'version.py'], pattern: /__version__\s*=\s*['"](\d+\.\d+\.\d+)/ }, //   PyTorch's wheel
  { file: ['..', 'build-version'], pattern: /^(\d+\.\d+\.\d+)/ }, //                     libtorch's archive
  { file: ['..', 'manifest.json'], pattern: /"libtorch":\s*"(\d+\.\d+\.\d+)/ }, //       npm's package
  {
    file: ['..', 'include', 'torch', 'headeronly', 'version.h'], //                      a clone's cache
    pattern: /TORCH_VERSION_MAJOR (\d+)[^]*TORCH_VERSION_MINOR (\d+)[^]*TORCH_VERSION_PATCH (\d+)/,
  },
]

/** Checks the folder that the user names. */
export function ownLibtorch(named: string | undefined): Libtorch | undefined {
  if (named === undefined || named === '') return undefined
  const folder = resolve(named)
  const refuse = (found: string, reason: string): ZoetropeError =>
    new ZoetropeError(
      'ERR_NATIVE_LOAD',
      `Expected the folder of the libraries of libtorch ${LIBTORCH_VERSION} in ${LIBTORCH_VARIABLE}, received '${named}', ${found}. ` +
        `Set it to the folder \`torch/lib\` of a PyTorch ${LIBTORCH_VERSION}, which ` +
        `\`python3 -c "import torch; print(torch.__path__[0] + '/lib')"\` prints, or unset it to use the libtorch that npm installs`,
      { reason, path: folder },
    )
  if (!existsSync(folder)) throw refuse('which does not exist', 'libtorch-missing')
  if (!statSync(folder).isDirectory()) throw refuse('which is no folder', 'libtorch-missing')
  if (!existsSync(join(folder, 'libtorch_cpu.so'))) throw refuse('which has no libtorch_cpu.so', 'libtorch-missing')
  const version = versionOf(folder)
  if (version === undefined) throw refuse('whose version no file beside it tells', 'libtorch-version')
  if (version !== LIBTORCH_VERSION) throw refuse(`which is libtorch ${version}`, 'libtorch-version')
  return { folder: realpathSync(folder), from: 'environment' }
}

/** The version of a libtorch without its local part: `2.11.0` of `2.11.0+cu130`. */
export function versionOf(folder: string): string | undefined {
  for (const { file, pattern } of VERSION_FILES) {
    const path = join(folder, ...file)
    const parts = existsSync(path) ? pattern.exec(readFileSync(path, 'utf8'))?.slice(1) : undefined
    if (parts !== undefined) return parts.join('.')
  }
  return undefined
}
