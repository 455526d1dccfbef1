import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkObject,
  checkOptions,
  describe,
  rangeError,
} from '../../common/checks'
import { ZoetropeError } from '../../errors'
import { checkBy, checkGroupId } from './group-ids'
import { splitGroups } from './groups'
import { knownTargets } from '../known-targets'
import { checkListed } from '../limits'
import { SCAN_KEYS, checkScanOptions, scan } from '../scan'
import { splitSamples } from './strata'
import { Subset, checkDataset, origin } from '../subset'
import type { Dataset, Sample } from '../dataset'
import type { GroupBy } from './group-ids'
import type { ScanOptions } from '../scan'

/** Options of {@link split}. */
export interface SplitOptions<Name extends string = string> extends ScanOptions {
  /** The share of each split, by its name; together 1. */
  readonly fractions: Readonly<Record<Name, number>>
  /** The group of each sample: a function, or a list by index. No group comes into two splits. Default no groups. */
  readonly by?: GroupBy | undefined
  /**
   * Whether every split gets its share of every class: to within one sample without groups, as far as they allow with
   * them. Default true where all targets are indices of classes, else false.
   */
  readonly stratify?: boolean | undefined
  /** The splits are a pure function of (dataset, options, seed), the same on every machine. Default 0. */
  readonly seed?: number | undefined
}

const KEYS = ['fractions', 'by', 'stratify', 'seed', ...SCAN_KEYS]
const TOLERANCE = 1e-6

/**
 * Splits a dataset by index, such as into a part to train on and one to choose by. Nothing is copied; each split keeps
 * the order of the dataset. Samples are read once to know their targets and groups: not at all where neither is asked
 * for, or where the dataset streams from a file and `by` is a list.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {RangeError} For fractions that are not positive or do not make 1, and a list that has not one id per sample.
 * @throws {ZoetropeError} `ERR_DATA` when the dataset fails, a group id is neither text nor number, targets are no
 * classes although `stratify` is true, or there are too few samples or groups for every split to get one.
 */
export async function split<const Name extends string>(
  dataset: Dataset | readonly Sample[],
  options: SplitOptions<Name>,
): Promise<Record<Name, Subset>> {
  const given = checkOptions(options, 'options', KEYS)
  const { by, stratify, seed = 0 } = given
  const source = checkDataset(dataset, 'dataset')
  const [names, fractions] = checkFractions(given.fractions)
  if (stratify !== undefined) checkBoolean(stratify, 'stratify')
  checkInteger(seed, 'seed', 0, Number.MAX_SAFE_INTEGER)
  const scanning = checkScanOptions(given)
  const length = checkListed(source.length, 'dataset.length', 'make the parts with `new Subset`')
  const groupOf = checkBy(by, origin(source, 0).dataset.length)
  const { groups, groupCount, strata } = await readKeys(source, length, { by: groupOf, stratify, ...scanning })
  checkEnough(length, names.length, 'samples')
  if (by !== undefined) checkEnough(groupCount, names.length, 'groups')
  const splits =
    by === undefined
      ? splitSamples(strata, fractions, seed)
      : await splitGroups({ groups, strata }, fractions, { seed, signal: scanning.signal })
  const indices = names.map((): number[] => [])
  for (const [index, number] of splits.entries()) indices[number]?.push(index)
  checkNoneEmpty(names, indices)
  const subsets = names.map((name, number) => [name, new Subset(source, indices[number] ?? [])] as const)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the names are the keys of `fractions`
  return Object.fromEntries(subsets) as Record<Name, Subset>
}

/** The number of each sample's group and of its class. Without either, all are in number 0. */
interface Keys {
  readonly groups: Int32Array
  readonly groupCount: number
  readonly strata: Int32Array
}

async function readKeys(
  source: Dataset,
  length: number,
  { by, stratify, ...scanning }: Omit<SplitOptions, 'fractions' | 'seed'>,
): Promise<Keys> {
  const [groupIds, classes] = [new Numbering(), new Numbering()]
  const [groups, strata] = [new Int32Array(length), new Int32Array(length)]
  let noClass: { readonly index: number; readonly target: unknown } | undefined
  const see = (target: unknown, index: number): void => {
    if (!Number.isInteger(target)) noClass ??= { index, target }
    strata[index] = classes.number(target)
  }
  const group = (id: unknown, at: number, index: number): void => {
    groups[index] = groupIds.number(checkGroupId(id, at))
  }
  const targets = knownTargets(source)
  const isTargetRead = stratify !== false && targets === undefined
  if (isTargetRead || typeof by === 'function') {
    await scan(
      source,
      length,
      (sample, index) => {
        if (isTargetRead) see(sample.target, index)
        const { index: at } = origin(source, index)
        if (typeof by === 'function') group(by(sample, at), at, index)
      },
      scanning,
    )
  }
  if (stratify !== false) targets?.forEach(see)
  for (let index = 0; index < length && Array.isArray(by); index++) {
    const { index: at } = origin(source, index)
    group(by[at], at, index)
  }
  if (noClass === undefined) return { groups, groupCount: groupIds.count, strata }
  if (stratify === true) {
    const message = `Expected indices of classes to stratify by, received ${describe(noClass.target)} at index ${noClass.index}`
    throw new ZoetropeError('ERR_DATA', message, { index: noClass.index, actual: noClass.target })
  }
  return { groups, groupCount: groupIds.count, strata: strata.fill(0) }
}

/** Numbers different values from 0, in the order in which they come. */
class Numbering {
  readonly #numbers = new Map<unknown, number>()

  get count(): number {
    return this.#numbers.size
  }

  number(value: unknown): number {
    const number = this.#numbers.get(value) ?? this.#numbers.size
    this.#numbers.set(value, number)
    return number
  }
}

function checkFractions(fractions: Readonly<Record<string, number>>): [string[], number[]] {
  checkObject(fractions, 'fractions')
  const entries = Object.entries(fractions)
  const names = entries.map(([name]) => name)
  const values = entries.map(([name, value]) => {
    const fraction = checkNumber(value, `fractions.${name}`, 0)
    if (fraction > 0) return fraction
    throw rangeError('a number above 0', `fractions.${name}`, fraction)
  })
  const total = values.reduce((sum, fraction) => sum + fraction, 0)
  if (Math.abs(total - 1) > TOLERANCE) throw rangeError('shares that make 1 together', 'fractions', values)
  return [names, values.map((fraction) => fraction / total)]
}

function checkEnough(count: number, splits: number, what: 'samples' | 'groups'): void {
  if (count >= splits) return
  const message = `Expected at least as many ${what} as splits (${splits}), received ${count}`
  throw new ZoetropeError('ERR_DATA', message, { expected: splits, actual: count })
}

function checkNoneEmpty(names: readonly string[], indices: readonly (readonly number[])[]): void {
  const empty = names.find((_, number) => indices[number]?.length === 0)
  if (empty === undefined) return
  throw new ZoetropeError('ERR_DATA', `Expected a sample for every split, received none for '${empty}'`, {
    split: empty,
  })
}
