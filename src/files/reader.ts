/** How files of one kind are read. */
import type { InputOptions } from '../config/input'
import type { Preprocessing } from '../config/preprocessing'
import type { NdArray } from '../common/nd-array'
import type { ClipFile } from './form'
import type { ClipLength } from './timing'

/** Names the steps that are wanted, by the length of the file; they never go back. */
export type Choose = (length: ClipLength) => Uint32Array

/** Some steps of a file. */
export interface ReadClip {
  readonly array: NdArray
  readonly length: ClipLength
}

/** Reads files of one kind, by one preprocessing. */
export interface ClipReader {
  readonly preprocessing: Preprocessing
  /** The `input` of a model that takes these clips. */
  readonly input: InputOptions
  /**
   * Whether a part of a file is as much work as all of it: then `read` is best asked for all of it, which is kept, and
   * samples are cut from that.
   */
  readonly isWhole: boolean
  /** The length of a file, without decoding it where it says so itself. */
  measure(file: ClipFile, signal: AbortSignal | undefined): Promise<ClipLength>
  /** The steps of a file that `choose` names, in order: `[time, …step]`. The array is the caller's own. */
  read(file: ClipFile, choose: Choose, signal: AbortSignal | undefined): Promise<ReadClip>
}

/** Rows of an array of `[rows, …]`, in the order of `indices`; the array itself where these are all of them. */
export function takeRows(array: NdArray, indices: Uint32Array): NdArray {
  const [rows = 1, ...step] = array.shape
  if (indices.length === rows && indices.every((index, at) => index === at)) return array
  const size = array.data.length / rows
  const data =
    array.data instanceof Uint8Array ? new Uint8Array(indices.length * size) : new Float32Array(indices.length * size)
  for (const [at, index] of indices.entries())
    data.set(array.data.subarray(index * size, (index + 1) * size), at * size)
  return { data, shape: [indices.length, ...step] }
}
