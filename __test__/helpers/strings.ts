/** Clips whose frames spell labels: small enough for a step to take about a millisecond. */
import { setNumThreads } from 'zoetrope'
import type { NdArray, Sample } from 'zoetrope'

setNumThreads(1) // specs run side by side

export const LETTERS = ['a', 'b', 'c'] as const
/** Options of a small model that reads such clips. */
export const SPELLING = {
  input: { features: LETTERS.length },
  classes: LETTERS,
  head: 'ctc',
  lstm: { hiddenSize: 16, bidirectional: true },
  device: 'cpu',
  seed: 0,
} as const

/** Each label is one to three frames of a 1 among zeros; a frame of zeros is between two labels, and some around. */
export function spell(labels: readonly number[], seed = 1): NdArray {
  const frames: number[][] = []
  const blank = (): void => void frames.push(LETTERS.map(() => 0))
  for (let count = seed % 3; count > 0; count--) blank()
  for (const [place, label] of labels.entries()) {
    for (let count = 1 + ((seed + place) % 3); count > 0; count--) {
      frames.push(LETTERS.map((_, letter) => Number(letter === label)))
    }
    blank()
  }
  if (frames.length === 0) blank()
  return { data: Float32Array.from(frames.flat()), shape: [frames.length, LETTERS.length] }
}

/** Strings of up to four labels, some empty, many with repeats, and their clips. */
export function spelled(count: number): (Sample & { readonly target: number[] })[] {
  return Array.from({ length: count }, (_, index) => {
    const target = Array.from({ length: index % 5 }, (_label, place) => ((index * 7 + place * place) % 5) % 3)
    return { input: spell(target, index), target }
  })
}

/** The clips of some samples in one array, the padding not a number. */
export function padded(samples: readonly Sample[]): { clips: NdArray; lengths: number[] } {
  const lengths = samples.map(({ input }) => input.shape[0] ?? 1)
  const time = Math.max(...lengths) + 1
  const data = new Float32Array(samples.length * time * LETTERS.length).fill(NaN)
  samples.forEach(({ input }, index) => data.set(input.data, index * time * LETTERS.length))
  return { clips: { data, shape: [samples.length, time, LETTERS.length] }, lengths }
}
