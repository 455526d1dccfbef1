/**
 * Splits that no group crosses. Groups are placed from the largest to the smallest. Each goes to the split whose counts
 * then come nearest to their shares. Afterwards single groups move, and pairs change places, while this helps.
 */
import { permutation } from '../../common/permutation'
import { Turns } from '../scan'

const MAX_PASSES = 20
const MAX_SWAPPED = 400 //      groups up to which all pairs are tried

/** How many samples a split lacks, in units in which a class and the total weigh the same. */
interface Deal {
  readonly groups: readonly Group[]
  /** Number of the split of each group. */
  readonly splits: Int32Array
  /** Samples of each class, and of all in the last column: `[splits][classes + 1]`. */
  readonly counts: readonly Float64Array[]
  /** The shares that `counts` should have. */
  readonly shares: readonly Float64Array[]
  /** Groups in each split. */
  readonly members: number[]
}

/** Samples of a group in each column of {@link Deal.counts}, where there are any. */
type Group = readonly (readonly [column: number, count: number])[]

/** The number of the split of each sample. `groups` and `strata` are the numbers of their groups and classes. */
export async function splitGroups(
  { groups, strata }: { readonly groups: Int32Array; readonly strata: Int32Array },
  fractions: readonly number[],
  { seed, signal }: { readonly seed: number; readonly signal: AbortSignal | undefined },
): Promise<Int32Array> {
  const deal = begin(groups, strata, fractions)
  const turns = new Turns(signal)
  for (const group of dealingOrder(deal.groups, seed)) {
    put(deal, group, bestSplit(deal, group))
    await turns.take()
  }
  fillEmpty(deal)
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    if (!(await moveSingles(deal, turns)) && !(await swapPairs(deal, turns))) break
  }
  return groups.map((group) => deal.splits[group] ?? 0)
}

function begin(groups: Int32Array, strata: Int32Array, fractions: readonly number[]): Deal {
  const all = strata.reduce((most, stratum) => Math.max(most, stratum), 0) + 1
  const columns: Map<number, number>[] = []
  const totals = new Float64Array(all + 1)
  for (const [index, group] of groups.entries()) {
    const counts = (columns[group] ??= new Map<number, number>())
    for (const column of [strata[index] ?? 0, all]) {
      counts.set(column, (counts.get(column) ?? 0) + 1)
      totals[column] = (totals[column] ?? 0) + 1
    }
  }
  return {
    groups: columns.map((counts) => [...counts]),
    splits: new Int32Array(columns.length).fill(-1),
    counts: fractions.map(() => new Float64Array(all + 1)),
    shares: fractions.map((fraction) => totals.map((total) => total * fraction)),
    members: fractions.map(() => 0),
  }
}

function dealingOrder(groups: readonly Group[], seed: number): number[] {
  const size = (group: number): number => groups[group]?.reduce((total, [, count]) => total + count, 0) ?? 0
  return [...permutation(groups.length, seed, 0)].toSorted((left, right) => size(right) - size(left))
}

/** By how much chi-square grows when the group joins the split (+1) or leaves it (−1). */
function cost({ groups, counts, shares }: Deal, group: number, split: number, sign: 1 | -1): number {
  const [have, want] = [counts[split], shares[split]]
  if (have === undefined || want === undefined) return 0
  let change = 0
  const all = want.length - 1
  for (const [column, count] of groups[group] ?? []) {
    const [before, share] = [have[column] ?? 0, want[column] ?? 1]
    const weight = column === all ? all : 1 //                the size of a split weighs as all its classes together
    change += (weight * (sign * count * (2 * (before - share) + sign * count))) / share
  }
  return change
}

function put(deal: Deal, group: number, split: number): void {
  const from = deal.splits[group] ?? -1
  if (from >= 0) add(deal, group, from, -1)
  add(deal, group, split, 1)
  deal.splits[group] = split
}

function add({ groups, counts, members }: Deal, group: number, split: number, sign: 1 | -1): void {
  const have = counts[split]
  members[split] = (members[split] ?? 0) + sign
  for (const [column, count] of groups[group] ?? [])
    if (have !== undefined) have[column] = (have[column] ?? 0) + sign * count
}

function bestSplit(deal: Deal, group: number): number {
  let [best, least] = [0, Infinity]
  for (const split of deal.members.keys()) {
    const change = cost(deal, group, split, 1)
    if (change < least) [best, least] = [split, change]
  }
  return best
}

/** Gives every empty split the group that is missed least where it is. There are at least as many groups as splits. */
function fillEmpty(deal: Deal): void {
  for (let empty = deal.members.indexOf(0); empty >= 0; empty = deal.members.indexOf(0)) {
    let [best, least] = [0, Infinity]
    for (const [group, from] of deal.splits.entries()) {
      if ((deal.members[from] ?? 0) < 2) continue
      const change = cost(deal, group, from, -1) + cost(deal, group, empty, 1)
      if (change < least) [best, least] = [group, change]
    }
    put(deal, best, empty)
  }
}

const HELPS = -1e-9

async function moveSingles(deal: Deal, turns: Turns): Promise<boolean> {
  let hasHelped = false
  for (const [group, from] of deal.splits.entries()) {
    await turns.take()
    if ((deal.members[from] ?? 0) < 2) continue
    const leaving = cost(deal, group, from, -1)
    for (const to of deal.members.keys()) {
      if (to === from || leaving + cost(deal, group, to, 1) >= HELPS) continue
      put(deal, group, to)
      hasHelped = true
      break
    }
  }
  return hasHelped
}

async function swapPairs(deal: Deal, turns: Turns): Promise<boolean> {
  const { splits } = deal
  if (splits.length > MAX_SWAPPED) return false
  let hasHelped = false
  for (let first = 0; first < splits.length; first++) {
    await turns.take()
    for (let second = first + 1; second < splits.length; second++) {
      const [left = 0, right = 0] = [splits[first], splits[second]]
      if (left === right) continue
      const change = moved(deal, first, right) + moved(deal, second, left)
      if (change < HELPS) hasHelped = true
      else {
        put(deal, second, right)
        put(deal, first, left)
      }
    }
  }
  return hasHelped
}

/** Moves a group and returns by how much chi-square grew. */
function moved(deal: Deal, group: number, to: number): number {
  const change = cost(deal, group, deal.splits[group] ?? 0, -1) + cost(deal, group, to, 1)
  put(deal, group, to)
  return change
}
