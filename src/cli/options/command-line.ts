/** Reads a command line by a table of options. */
import { parseArgs } from 'node:util'
import { UsageError } from '../command'
import { OptionError, checkValue, flagOf, parseValue, refuseUnknown } from './option'
import type { Option, OptionTable, ValuesOf } from './option'

export interface CommandLine<Table extends OptionTable> {
  readonly values: ValuesOf<Table>
  readonly positionals: readonly string[]
}

/** What stands on the command line. `--no-name` turns a flag off, and an option that may be off. */
export function readCommandLine<Table extends OptionTable>(args: readonly string[], table: Table): CommandLine<Table> {
  const byFlag = new Map(Object.entries(table).map(([name, option]) => [flagOf(name), { name, option }]))
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries([...byFlag].map(([flag, { option }]) => [flag, declared(option)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values: Record<string, unknown> = {}
  const positionals: string[] = []
  try {
    for (const token of tokens) {
      if (token.kind === 'positional') positionals.push(token.value)
      if (token.kind !== 'option') continue
      const { name: flag, rawName, value } = token
      const off = flag.startsWith('no-') ? byFlag.get(flag.slice('no-'.length)) : undefined
      const found = byFlag.get(flag) ?? off
      if (found === undefined)
        refuseUnknown(
          rawName,
          [...byFlag.keys()].map((known) => `--${known}`),
          'option',
        )
      const { name, option } = found
      if (off === undefined || byFlag.has(flag)) values[name] = valueOf(option, value, rawName)
      else values[name] = turnedOff(option, rawName)
    }
  } catch (error) {
    throw error instanceof OptionError ? new UsageError(error.message, { cause: error }) : error
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked, option by option
  return { values: values as ValuesOf<Table>, positionals }
}

function declared({ type, short }: Option): { type: 'boolean' | 'string'; short?: string } {
  return { type: type === 'flag' ? 'boolean' : 'string', ...(short !== undefined && { short }) }
}

function valueOf(option: Option, value: string | undefined, rawName: string): unknown {
  if (option.type === 'flag') {
    if (value === undefined) return true
    throw new OptionError(`Expected no value for ${rawName}, received '${value}'`)
  }
  if (value === undefined) throw new OptionError(`Expected a value behind ${rawName}`)
  const parsed = parseValue(option, value)
  return checkValue(option, parsed, rawName, hasNoNumber(parsed) ? `'${value}'` : undefined)
}

/** Whether a number, or one of several, could not be read: then the message shows what was written. */
function hasNoNumber(parsed: unknown): boolean {
  const parts: readonly unknown[] = typeof parsed === 'object' && parsed !== null ? Object.values(parsed) : [parsed]
  return parts.some(Number.isNaN)
}

function turnedOff(option: Option, rawName: string): false {
  if (option.type === 'flag' || (option.type === 'text' && option.canBeOff === true)) return false
  throw new OptionError(`Unknown option ${rawName}: this cannot be turned off`)
}
