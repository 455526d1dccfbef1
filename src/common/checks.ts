/**
 * Checks of arguments. Each throws "Expected … for `name`, received …": a `TypeError` for a wrong type, a `RangeError`
 * for a wrong value of the right type.
 */
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { editDistance } from './edit-distance'
import { isDetached, typedLength, typedName } from './list'

/** The largest size that fits every index inside libtorch's kernels. */
export const MAX_SIZE = 2 ** 31 - 1

const MAX_SEED = 2n ** 64n - 1n
const MAX_SHOWN = 60
const MOST_SHOWN = 8

export function typeError(expected: string, name: string, value: unknown): TypeError {
  return new TypeError(`Expected ${expected} for \`${name}\`, received ${describe(value)}`)
}

export function rangeError(expected: string, name: string, value: unknown): RangeError {
  return new RangeError(`Expected ${expected} for \`${name}\`, received ${describe(value)}`)
}

export function checkObject(value: unknown, name: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw typeError('an object', name, value)
}

/**
 * Checks that options are an object whose keys are all known, and returns a copy of its own: what is checked further is
 * then what is used, even where the object has getters or is a proxy.
 */
export function checkOptions<T>(value: T, name: string, known: readonly string[]): T {
  checkObject(value, name)
  const prefix = name === 'options' ? '' : `${name}.`
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    const hint = near === undefined ? `known options are ${known.join(', ')}` : `did you mean \`${prefix}${near}\`?`
    throw new TypeError(`Unknown option \`${prefix}${key}\`; ${hint}`)
  }
  const copy: Record<string, unknown> = {}
  for (const key of known) if (key in value) copy[key] = Reflect.get(value, key)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys with the same values
  return Object.freeze(copy) as T
}

export function checkInteger(value: unknown, name: string, minimum: number, maximum = MAX_SIZE): number {
  const expected = integerRange(minimum, maximum)
  if (typeof value !== 'number') throw typeError(expected, name, value)
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
  throw rangeError(expected, name, value)
}

/** A finite number with `minimum <= value`, and `value < below` where that is given. */
export function checkNumber(value: unknown, name: string, minimum: number, below = Infinity): number {
  const expected = below === Infinity ? `a finite number of at least ${minimum}` : `a number in [${minimum}, ${below})`
  if (typeof value !== 'number') throw typeError(expected, name, value)
  if (value >= minimum && value < below) return value
  throw rangeError(expected, name, value)
}

export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value
  throw typeError('a boolean', name, value)
}

export function checkOneOf<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  const expected = choices.map((choice) => `'${choice}'`).join(' or ')
  if (typeof value !== 'string') throw typeError(expected, name, value)
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  throw rangeError(expected, name, value)
}

export function checkString(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw typeError('a string', name, value)
}

export function checkCallback(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function') throw typeError('a function', name, value)
}

/** A seed as libtorch takes it: 64 bits without a sign. */
export function checkSeed(value: unknown, name: string): bigint {
  const expected = 'a non-negative safe integer or a bigint of at most 64 bits'
  if (typeof value !== 'number' && typeof value !== 'bigint') throw typeError(expected, name, value)
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw rangeError(expected, name, value)
  const seed = BigInt(value)
  if (seed >= 0n && seed <= MAX_SEED) return seed
  throw rangeError(expected, name, value)
}

/** A value as an error message shows it: short, and telling types apart. */
export function describe(value: unknown): string {
  try {
    return described(value)
  } catch {
    //                              a getter or a proxy that fails must not hide the error that is being told
    return typeof value === 'function' ? 'a function' : 'an object'
  }
}

/** What an error says that a program threw or rejected with, of any realm, or whatever else it was. */
export function reasonOf(thrown: unknown): string {
  if (!types.isNativeError(thrown)) return describe(thrown)
  try {
    const { message }: { readonly message: unknown } = thrown
    return typeof message === 'string' ? message : describe(message)
  } catch {
    return 'an error'
  }
}

function described(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return `'${value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value}'`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return describeFunction(value)
  if (Array.isArray(value)) return describeArray(value)
  if (types.isTypedArray(value)) return describeTyped(value)
  if (typeof value === 'number' || typeof value === 'boolean') return `${value}`
  return typeof value === 'object' ? describeObject(value) : 'a symbol'
}

function describeTyped(value: unknown): string {
  const name = typedName(value)
  return isDetached(value)
    ? `${name} whose buffer is detached or has shrunk`
    : `${name} of length ${typedLength(value)}`
}

function describeFunction({ name }: { readonly name: unknown }): string {
  return typeof name !== 'string' || name === '' ? 'a function' : `function ${name}`
}

function describeArray(value: readonly unknown[]): string {
  const { length } = value
  if (length > 0 && length <= MOST_SHOWN) {
    const entries = Array.from({ length }, (_, index) => value[index])
    if (entries.every((entry) => typeof entry === 'number')) return `[${entries.join(', ')}]`
  }
  return `an array of length ${length}`
}

function describeObject(value: object): string {
  const constructor: unknown = Reflect.get(value, 'constructor')
  const name = typeof constructor === 'function' ? constructor.name : ''
  return typeof name !== 'string' || name === '' || name === 'Object' ? 'an object' : `an instance of ${name}`
}

function integerRange(minimum: number, maximum: number): string {
  if (maximum < MAX_SIZE) return `an integer from ${minimum} to ${maximum}`
  if (minimum === 1) return 'a positive integer'
  if (minimum === 0) return 'a non-negative integer'
  return `an integer of at least ${minimum}`
}

/** The known name that is fewest edits away, if it is near enough to be a typing error. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let fewest = Math.max(2, Math.floor(key.length / 3)) + 1
  for (const candidate of known) {
    const edits = editDistance(plain(key), plain(candidate))
    if (edits < fewest) [best, fewest] = [candidate, edits]
  }
  return best
}

/** `batch_size`, `batch-size` and `batchsize` are all a way to write `batchSize`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, '')
}

/** Checks a path that enters the package: text, or a `file:` URL of any realm. */
export function checkPath(path: string | URL, name = 'path'): string {
  const text = urlOf(path)
  if (text instanceof URL) return fileURLToPath(text)
  if (typeof text !== 'string') throw typeError('a path', name, path)
  if (text === '' || text.includes('\0')) throw rangeError('a path', name, text)
  return text
}

/** Whether a value is meant as a path: text, or a URL of any realm. */
export function isPath(value: unknown): value is string | URL {
  return typeof value === 'string' || urlOf(value) instanceof URL
}

/** A copy of a URL; anything else as it is. */
function urlOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { href, protocol }: { readonly href?: unknown; readonly protocol?: unknown } = value
  return typeof href === 'string' && typeof protocol === 'string' && URL.canParse(href) ? new URL(href) : value
}
