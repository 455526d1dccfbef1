/** `--config`: options in a file of JSON, with comments and commas behind the last entry. */
import { readFile } from 'node:fs/promises'
import { UsageError } from '../command'
import { OptionError, checkValue, refuseUnknown } from './option'
import { describe, reasonOf } from '../../common/checks'
import type { OptionTable, ValuesOf } from './option'

/** Strings, and comments between them. */
const COMMENTS = /("(?:[^"\\]|\\[^])*")|\/\/[^\n]*|\/\*[^]*?\*\//g
/** Strings, and commas before a closing bracket between them. */
const LAST_COMMAS = /("(?:[^"\\]|\\[^])*")|,(?=\s*[}\]])/g

/** Keys that belong to the file and not to the run. */
const FILE_KEYS = ['$schema']

export async function readConfigFile<Table extends OptionTable>(path: string, table: Table): Promise<ValuesOf<Table>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`Expected to read the configuration '${path}', received ${reasonOf(cause)}`, { cause })
  }
  try {
    return checkConfig(parseJson(text), table)
  } catch (cause) {
    throw new UsageError(`In '${path}': ${reasonOf(cause)}`, { cause })
  }
}

/** Checks the keys and values of a configuration. */
export function checkConfig<Table extends OptionTable>(given: unknown, table: Table): ValuesOf<Table> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new OptionError(`Expected an object, received ${describe(given)}`)
  const known = Object.keys(table).filter((name) => table[name]?.isStored !== false)
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (FILE_KEYS.includes(name)) continue
    const option = known.includes(name) ? table[name] : undefined
    if (option === undefined) refuseUnknown(name, known, 'key')
    values[name] = checkValue(option, value, name)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked, key by key
  return values as ValuesOf<Table>
}

/** Comments and commas behind the last entry become spaces, so that places in messages stay. */
export function parseJson(text: string): unknown {
  const blank = (piece: string, string: string | undefined): string => string ?? piece.replace(/[^\n]/g, ' ')
  return JSON.parse(
    text
      .replace(/^\uFEFF/, '')
      .replace(COMMENTS, blank)
      .replace(LAST_COMMAS, blank),
  )
}
