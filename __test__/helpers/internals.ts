/** Modules of the package that it does not export: those that take facts and give answers. */
import { join } from 'node:path'
import { REPOSITORY } from './child'

/** To be taken `as typeof` the module's declarations, which are imported from `dist/` as types. */
export function internal(name: string): unknown {
  return require(join(REPOSITORY, 'dist', name))
}
