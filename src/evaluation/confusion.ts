/** The confusion matrix as a program reads it: rows of numbers, however many classes there are. */
import type { NativeCounts } from '../native'

/** Up to so many classes the rows are plain arrays, made at once; of more they are made as they are read. */
const MOST_AT_ONCE = 256

/** Counts `[numClasses][numClasses]`: row = target, column = prediction. */
export function confusionMatrix({ cells, cellCounts }: NativeCounts, numClasses: number): number[][] {
  const row = (target: number): number[] => {
    const counts = Array.from({ length: numClasses }, () => 0)
    const end = firstFrom(cells, (target + 1) * numClasses)
    for (let at = firstFrom(cells, target * numClasses); at < end; at++) {
      counts[(cells[at] ?? 0) % numClasses] = cellCounts[at] ?? 0
    }
    return counts
  }
  if (numClasses <= MOST_AT_ONCE) return Array.from({ length: numClasses }, (_, target) => row(target))
  return rowsOnDemand(numClasses, row)
}

/** An array whose elements are made when they are read. The latest one is kept, so that a loop over columns is quick. */
function rowsOnDemand(length: number, make: (index: number) => number[]): number[][] {
  let latest: number[] = []
  let at = -1
  const read = (index: number): number[] => {
    if (index !== at) [at, latest] = [index, make(index)]
    return latest
  }
  const rows: number[][] = []
  for (let index = 0; index < length; index++) {
    Object.defineProperty(rows, index, { enumerable: true, configurable: true, get: () => read(index) })
  }
  return rows
}

/** The first position in ascending numbers whose number is at least `least`. */
function firstFrom(ascending: Float64Array, least: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] ?? 0) < least) low = middle + 1
    else high = middle
  }
  return low
}
