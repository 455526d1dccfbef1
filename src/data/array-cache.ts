import { allocated } from '../common/list'

/** Keeps the arrays of finished batches for later ones: new memory costs as much as copying a batch into it. */
export class ArrayCache {
  /** Frames of the longest clip so far: a batch that begins with room for as many seldom has to grow. */
  longest = 1
  /** Samples of the largest batch so far. */
  largest = 1
  #free: (Float32Array | Uint8Array)[] = []

  /** An array of the type of `like`, with at least `length` values. The values are arbitrary. */
  take(like: Float32Array | Uint8Array, length: number): Float32Array | Uint8Array {
    const fits = (array: Float32Array | Uint8Array): boolean =>
      isPixels(array) === isPixels(like) && array.length >= length && array.length <= 4 * length
    const found = this.#free.find(fits)
    // An array that does not fit is dropped, so the cache keeps only as many arrays as were in use at once.
    const leaving = found ?? this.#free.at(-1)
    this.#free = this.#free.filter((array) => array !== leaving)
    return found ?? (isPixels(like) ? allocated(Uint8Array, length) : allocated(Float32Array, length))
  }

  /** Takes an array back. Nobody may use it any more. */
  give(array: Float32Array | Uint8Array): void {
    this.#free.unshift(array)
  }
}

export function isPixels(data: Float32Array | Uint8Array): boolean {
  return data.BYTES_PER_ELEMENT === 1
}
