/** Sequences of vectors of different lengths, small enough for a step to take about a millisecond. */
import { setNumThreads } from 'zoetrope'
import type { NdArray, Sample } from 'zoetrope'
import { noise } from './toy'

export const FEATURES = 3
/** Options of a small model over such sequences. */
export const VECTORS = {
  input: { features: FEATURES },
  lstm: { hiddenSize: 8, bidirectional: true },
  device: 'cpu',
  seed: 0,
} as const

setNumThreads(1) // specs run side by side

/** `[time, features]` between 0 and 1. */
export function clip(time: number, seed: number): NdArray {
  return noise([time, FEATURES], seed)
}

/** Clips of 1 to 9 frames whose class is whether their first feature is mostly high at their end. */
export function sequences(count: number, target: (input: NdArray, index: number) => Sample['target']): Sample[] {
  return Array.from({ length: count }, (_, index) => {
    const input = clip(1 + ((index * 7) % 9), index + 1)
    return { input, target: target(input, index) }
  })
}

/** One array of clips, padded with whatever is asked for. */
export function padded(
  samples: readonly Sample[],
  time: number,
  padding: number,
): { clips: NdArray; lengths: number[] } {
  const data = new Float32Array(samples.length * time * FEATURES).fill(padding)
  samples.forEach(({ input }, index) => data.set(input.data, index * time * FEATURES))
  return {
    clips: { data, shape: [samples.length, time, FEATURES] },
    lengths: samples.map(({ input }) => input.shape[0]!),
  }
}
