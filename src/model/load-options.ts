/** How `loadStateDict()` takes a state dict whose names are not the model's. */
import { checkBoolean, checkObject, checkOptions, checkString, rangeError, typeError } from '../common/checks'
import type { NativeMismatch } from '../native'

/** Options of {@link CnnLstm.loadStateDict}. */
export interface LoadOptions {
  /**
   * How the names of the wanted tensors begin, such as `'module.'` of `DataParallel`, `'_orig_mod.'` of `torch.compile` or
   * `'encoder.'` of a larger model. The model's names are what follows. Tensors whose names begin otherwise are unexpected.
   *
   * Where no name of the model follows, `prefix` names a part of the model, such as `'cnn.'`: the tensors are that part's,
   * with or without the prefix in front, and only that part is loaded.
   */
  readonly prefix?: string | undefined
  /**
   * The model's name for each name in the state dict, behind `prefix`: an object with some names, where others stay as they
   * are, or a function. A function that gives `undefined` leaves the tensor out.
   */
  readonly rename?: Readonly<Record<string, string>> | ((name: string) => string | undefined) | undefined
  /**
   * Whether every parameter must be there, and nothing else. With `false` parameters that are missing stay as they are, and
   * unexpected tensors are left out. A tensor of a wrong shape or dtype is an error either way. Default true.
   */
  readonly strict?: boolean | undefined
}

/** What {@link CnnLstm.loadStateDict} found different. With `strict` both lists are empty, or the call has failed. */
export interface LoadResult {
  /** Parameters of the model that the state dict lacks, which are as they were: the first 50. */
  readonly missing: readonly string[]
  /** Names of the state dict, behind `prefix` and `rename`, that the model does not have: the first 50. */
  readonly unexpected: readonly string[]
  /** How many more there are of each. */
  readonly omitted: { readonly missing: number; readonly unexpected: number }
}

/** Pairs of a name in a state dict and the model's name for it, of those that are not left out. */
export type NamePairs = readonly (readonly [string, string])[]

/** A new name for each name; `undefined` leaves the tensor out. */
type Rename = (name: string) => string | undefined

/** Checked options. */
export interface CheckedLoad {
  readonly strict: boolean
  /** Whether names are other than they stand there. */
  readonly renames: boolean
  /** The part of the model that names of a state dict belong to: `prefix`, where it is one. `null`: the whole model. */
  readonly partOf: (names: readonly string[], own: readonly string[]) => string | null
  /** Gives names their new ones, within that part. */
  readonly pair: (names: readonly string[], part: string | null) => NamePairs
}

export function checkLoadOptions(options: LoadOptions): CheckedLoad {
  options = checkOptions(options, 'options', ['prefix', 'rename', 'strict'])
  const prefix = checkString(options.prefix ?? '', 'prefix')
  const rename = checkRename(options.rename)
  return {
    strict: checkBoolean(options.strict ?? true, 'strict'),
    renames: prefix !== '' || options.rename !== undefined,
    partOf: (names, own) => (isPart(names, prefix, rename, own) ? prefix : null),
    pair: (names, part) => paired(names, (name) => ownName(name, prefix, part !== null, rename)),
  }
}

/** Whether a prefix is a part's of the model, and stands before none of its names in the state dict. */
function isPart(names: readonly string[], prefix: string, rename: Rename, own: readonly string[]): boolean {
  if (prefix === '' || !own.some((name) => name.startsWith(prefix))) return false
  const known = new Set<string | undefined>(own)
  return !names.some((name) => name.startsWith(prefix) && known.has(rename(name.slice(prefix.length))))
}

/** A name that does not begin with the prefix stays whole, in brackets: no parameter has such a name. */
function ownName(name: string, prefix: string, isPrefixOfPart: boolean, rename: Rename): string | undefined {
  const isPrefixed = name.startsWith(prefix)
  if (!isPrefixed && !isPrefixOfPart) return `(without prefix) ${name}`
  const renamed = rename(isPrefixed ? name.slice(prefix.length) : name)
  return isPrefixOfPart && renamed !== undefined ? prefix + renamed : renamed
}

export function toLoadResult({ missing, unexpected, omittedMissing, omittedUnexpected }: NativeMismatch): LoadResult {
  return { missing, unexpected, omitted: { missing: omittedMissing, unexpected: omittedUnexpected } }
}

function checkRename(rename: LoadOptions['rename']): Rename {
  if (rename === undefined) return (name) => name
  if (typeof rename !== 'function') {
    checkObject(rename, 'rename')
    const names = new Map(Object.entries(rename).map(([from, to]) => [from, checkString(to, `rename['${from}']`)]))
    return (name) => names.get(name) ?? name
  }
  return (name) => {
    const renamed: unknown = rename(name)
    if (renamed === undefined || typeof renamed === 'string') return renamed
    throw typeError('a string or undefined', `rename('${name}')`, renamed)
  }
}

function paired(names: readonly string[], rename: Rename): NamePairs {
  const taken = new Map<string, string>()
  const pairs: [string, string][] = []
  for (const name of names) {
    const own = rename(name)
    if (own === undefined) continue
    const other = taken.get(own)
    if (other !== undefined) throw rangeError(`a name of its own for '${name}', beside '${other}',`, 'rename', own)
    taken.set(own, name)
    pairs.push([name, own])
  }
  return pairs
}
