/** Data and models small enough for a step to take about a millisecond. */
import { CnnLstm, DataLoader, TensorDataset, setNumThreads } from 'zoetrope'
import type { DataLoaderOptions, ModelOptions, NdArray, Sample } from 'zoetrope'

export const SIDE = 8
export const FRAMES = 6
const FRAME = SIDE * SIDE
const CLIP = FRAMES * FRAME

/** A dot that moves left or right, one pixel a frame, round the edge: no single frame tells which. */
export interface Dots {
  /** uint8 of `[count, 6, 1, 8, 8]`. */
  readonly inputs: { readonly data: Uint8Array; readonly shape: readonly number[] }
  /** 0 = left, 1 = right. */
  readonly targets: Int32Array
}

export function movingDots(count: number, seed = 1): Dots {
  const random = generator(seed)
  const data = new Uint8Array(count * CLIP)
  const targets = new Int32Array(count)
  for (let clip = 0; clip < count; clip++) {
    const [row, column, target] = [random(SIDE), random(SIDE), random(2)]
    targets[clip] = target
    for (let frame = 0; frame < FRAMES; frame++) {
      const x = (column + (target === 0 ? SIDE - frame : frame)) % SIDE
      data[clip * CLIP + frame * FRAME + row * SIDE + x] = 255
    }
  }
  return { inputs: { data, shape: [count, FRAMES, 1, SIDE, SIDE] }, targets }
}

/** The same clips as samples, one by one. */
export function movingDotSamples(count: number, seed = 1): Sample[] {
  const { inputs, targets } = movingDots(count, seed)
  return Array.from({ length: count }, (_, clip) => ({
    input: { data: inputs.data.slice(clip * CLIP, (clip + 1) * CLIP), shape: [FRAMES, 1, SIDE, SIDE] },
    target: targets[clip]!,
  }))
}

export function movingDotLoader(count: number, options: DataLoaderOptions = {}, seed = 1): DataLoader {
  return new DataLoader(new TensorDataset(movingDots(count, seed)), { batchSize: 16, ...options })
}

export const TOY_OPTIONS = {
  input: { channels: 1, height: SIDE, width: SIDE },
  classes: ['left', 'right'],
  cnn: [{ outChannels: 4 }],
  lstm: { hiddenSize: 16 },
  device: 'cpu',
  seed: 0,
} as const satisfies ModelOptions

/** A model for {@link movingDots}; on one thread, because specs run side by side. */
export async function toyModel(changes: Partial<Omit<ModelOptions, 'classes' | 'numClasses'>> = {}) {
  setNumThreads(1)
  return CnnLstm.create({ ...TOY_OPTIONS, ...changes })
}

/** float32 of the given shape, between 0 and 1. */
export function noise(shape: readonly number[], seed = 7): NdArray {
  const random = generator(seed)
  const length = shape.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length }, () => random(1 << 16) / (1 << 16)), shape }
}

/** A linear congruential generator of 32 bits (Numerical Recipes); its high bits, below `limit`. */
function generator(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}
