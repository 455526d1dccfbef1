/** How far the accuracy of other clips may be from the one that was measured. */
import { generator } from '../common/permutation'
import type { GroupId } from '../data/split/group-ids'

/** An interval of 95 %. */
export interface Interval {
  readonly low: number
  readonly high: number
  /**
   * `'wilson'`: answers are independent of each other. `'groups'`: whole groups are drawn, because answers of one group
   * are not.
   */
  readonly method: 'wilson' | 'groups'
  /** How many groups the answers are of, where groups were given. */
  readonly groups?: number
}

/** The quantile .975 of the normal distribution. */
const Z = 1.959963984540054
const RESAMPLES = 2000
const SEED = 0
const TAIL = 0.025
/** Of fewer groups nothing can be said by drawing them. */
const FEWEST_GROUPS = 2

/**
 * Wilson's score interval (Wilson 1927): (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n) with p = correct / n.
 */
export function wilson(correct: number, total: number): Interval {
  const share = correct / total
  const square = Z * Z
  const middle = share + square / (2 * total)
  const half = Z * Math.sqrt((share * (1 - share)) / total + square / (4 * total * total))
  const whole = 1 + square / total
  return { low: Math.max(0, (middle - half) / whole), high: Math.min(1, (middle + half) / whole), method: 'wilson' }
}

/**
 * Percentile bootstrap over groups (Efron 1979): as many groups as there are, drawn with replacement, 2000 times, always
 * the same ones. `undefined` for fewer than two groups.
 *
 * @param answers - Of each group how many answers there are and how many are right.
 */
export function groupBootstrap(
  answers: ReadonlyMap<GroupId, { readonly correct: number; readonly total: number }>,
): Interval | undefined {
  const groups = [...answers.values()]
  if (groups.length < FEWEST_GROUPS) return undefined
  const next = generator(SEED, groups.length)
  const shares = Float64Array.from({ length: RESAMPLES }, () => {
    let [correct, total] = [0, 0]
    for (let drawn = 0; drawn < groups.length; drawn++) {
      const group = groups[Math.floor((next() / 2 ** 32) * groups.length)]
      correct += group?.correct ?? 0
      total += group?.total ?? 0
    }
    return correct / total
  }).toSorted()
  return { low: quantile(shares, TAIL), high: quantile(shares, 1 - TAIL), method: 'groups', groups: groups.length }
}

/** Between the two nearest values, linearly. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const [low = NaN, high = low] = sorted.subarray(below, below + 2)
  return low + (place - below) * (high - low)
}
