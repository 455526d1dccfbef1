/** Options of a command: flags of its command line, and keys of its `--config`. */
import { nearest } from '../../common/checks'

/** One option. A flag is its name with hyphens: `learningRate` is `--learning-rate`. */
export type Option = {
  /** What it does, in a line of `--help`. */
  readonly about: string
  /** A letter for it: `-o`. */
  readonly short?: string
  /** Whether `--config` may have it; not what only concerns the terminal. Default true. */
  readonly isStored?: boolean
} & (
  | { readonly type: 'flag' }
  | { readonly type: 'integer'; readonly minimum: number; readonly value: string }
  | { readonly type: 'number'; readonly minimum: number; readonly below?: number; readonly value: string }
  | { readonly type: 'text'; readonly value: string; readonly isPath?: boolean; readonly canBeOff?: boolean }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  /** `64` or `64x48`: height by width. */
  | { readonly type: 'size' }
  /** `16,32,64` */
  | { readonly type: 'integers'; readonly minimum: number; readonly value: string }
)

export type OptionTable = Readonly<Record<string, Option>>

/** `{ height, width }` of pixels. */
export interface Size {
  readonly height: number
  readonly width: number
}

type ValueOf<O extends Option> = O extends { type: 'flag' }
  ? boolean
  : O extends { type: 'integer' | 'number' }
    ? number
    : O extends { type: 'text'; canBeOff: true }
      ? string | false
      : O extends { type: 'text' }
        ? string
        : O extends { type: 'choice'; choices: readonly (infer Choice extends string)[] }
          ? Choice
          : O extends { type: 'size' }
            ? Size
            : readonly number[]

/** The values of some options: those that were given. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]?: ValueOf<Table[Name]>
}

/** A value that an option cannot have; `where` is the flag or the key. */
export class OptionError extends Error {}

/** `learningRate` as `learning-rate`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Throws for a name that is none, with the one that was meant. */
export function refuseUnknown(written: string, known: readonly string[], what: string): never {
  const near = nearest(
    written.replace(/^-+/, ''),
    known.map((name) => name.replace(/^-+/, '')),
  )
  const meant = known.find((name) => name.replace(/^-+/, '') === near)
  const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
  throw new OptionError(`Unknown ${what} ${written}; ${hint}`)
}

/** Checks a value of `--config`, or one that was read from the command line, where it was `written` so. */
export function checkValue(option: Option, value: unknown, where: string, written = shown(value)): unknown {
  switch (option.type) {
    case 'flag':
      if (typeof value === 'boolean') return value
      throw expected('true or false', where, written)
    case 'integer':
      if (Number.isSafeInteger(value) && Number(value) >= option.minimum) return value
      throw expected(`an integer of at least ${option.minimum}`, where, written)
    case 'number':
      return checkNumber(option, value, where, written)
    case 'text':
      if (typeof value === 'string' && value !== '') return value
      if (value === false && option.canBeOff === true) return value
      throw expected(option.isPath === true ? 'a path' : 'text', where, written)
    case 'choice':
      if (typeof value === 'string' && option.choices.includes(value)) return value
      throw expected(`one of ${option.choices.join(', ')}`, where, written)
    case 'size':
      return checkSize(value, where, written)
    case 'integers': {
      const isList = Array.isArray(value) && value.length > 0
      if (isList && value.every((entry) => Number.isSafeInteger(entry) && entry >= option.minimum)) return [...value]
      throw expected(`integers of at least ${option.minimum}`, where, written)
    }
  }
}

/** The value that text of the command line stands for; {@link checkValue} checks it. */
export function parseValue(option: Option, text: string): unknown {
  switch (option.type) {
    case 'integer':
    case 'number':
      return text.trim() === '' ? text : Number(text)
    case 'integers':
      return text.split(',').map(Number)
    case 'size': {
      const [height, width = height] = text.split(/[x×]/i).map(Number)
      return { height, width }
    }
    case 'flag':
    case 'text':
    case 'choice':
      return text
  }
}

function checkNumber(
  { minimum, below = Infinity }: Option & { type: 'number' },
  value: unknown,
  where: string,
  written: string,
): unknown {
  if (typeof value === 'number' && value >= minimum && value < below) return value
  throw expected(
    below === Infinity ? `a number of at least ${minimum}` : `a number from ${minimum} to below ${below}`,
    where,
    written,
  )
}

function checkSize(value: unknown, where: string, written: string): Size {
  const given: unknown = typeof value === 'number' ? { height: value, width: value } : value
  if (typeof given === 'object' && given !== null && 'height' in given && 'width' in given) {
    const { height, width } = given
    if (isSide(height) && isSide(width)) return { height, width }
  }
  throw expected('pixels, such as 64 or 48x64 (height by width),', where, written)
}

function isSide(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}

function expected(what: string, where: string, written: string): OptionError {
  return new OptionError(`Expected ${what} for ${where}, received ${written}`)
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
