/** The order of samples in an epoch, taken batch by batch: no list as long as the dataset is made where none is needed. */
import { generator, permutation, scattered } from '../common/permutation'
import { drawing } from './sampling'

/** Datasets up to this length are shuffled as a list; the order of longer ones is computed index by index. */
export const MOST_SHUFFLED = 2 ** 24

/** Indices of an epoch, in order. */
export interface Order {
  readonly length: number
  /** The next `count` indices, of those that are left. */
  take(count: number): Uint32Array
}

/** 0 … length - 1. */
export function inOrder(length: number): Order {
  return byPlace(length, (place) => place)
}

/** 0 … length - 1 in the order of this epoch. */
export function shuffled(length: number, seed: number, epoch: number): Order {
  if (length > MOST_SHUFFLED) return byPlace(length, scattered(length, seed, epoch))
  const order = permutation(length, seed, epoch)
  return byPlace(length, (place) => order[place] ?? 0)
}

/** As many indices as there are weights, each drawn by them. `sums` are those of the weights. */
export function drawn(sums: Float64Array, seed: number, epoch: number): Order {
  return byPlace(sums.length, drawing(sums, generator(seed, epoch)))
}

function byPlace(length: number, at: (place: number) => number): Order {
  let place = 0
  return {
    length,
    take: (count) => {
      const indices = new Uint32Array(Math.min(count, length - place))
      for (let next = 0; next < indices.length; next++) indices[next] = at(place++)
      return indices
    },
  }
}
