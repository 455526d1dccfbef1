/** The C++ files that clang-format looks after. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

export function kernels() {
  const folder = join('crates', 'zoetrope-core', 'kernels')
  const names = readdirSync(join(root, folder), { recursive: true })
  return names.filter((name) => /\.(cpp|h|hpp)$/.test(name)).map((name) => join(folder, name))
}
