/** Datasets, loaders and what looks at data, and the settings of the process. */
import { api, dataset, firstBatches, method, tolerate } from './target'
import { array, timedSignal } from './world'
import type { Random } from '../random'
import type { Target } from './target'
import type { World } from './world'

const augment = (random: Random) =>
  random.pick<unknown>([
    { shift: { x: 1, y: 1 }, flip: { horizontal: 0.5 }, brightness: 0.1, contrast: 0.1, noise: 0.1, erase: 0.2 },
    { crop: { height: 2, width: 2 }, timeCrop: 0.2, timeStretch: 0.2, dropFrames: 0.2, shorten: true },
    undefined,
  ])

export const loaderOptions = (random: Random) => ({
  batchSize: 2,
  shuffle: random.chance(0.2),
  seed: 1,
  dropLast: false,
  bucketByLength: random.chance(0.2) ? { size: 2 } : false,
  prefetch: 1,
  augment: augment(random),
})

export const data: readonly Target[] = [
  {
    name: 'DataLoader',
    args: async (world, random) => [await dataset(world, random), loaderOptions(random)],
    call: async (args) => firstBatches(new api.DataLoader!(...args)),
  },
  {
    name: 'TensorDataset',
    args: (_, random) => [{ inputs: array([4, 2, 1, 4, 4], random), targets: [0, 1, 2, 0], lengths: [2, 1, 2, 1] }],
    call: async (args) => {
      const tensors = new api.TensorDataset!(...args)
      for (const index of [0, 3, -1, 4, 0.5, NaN, 'x']) await tolerate(() => method(tensors, 'get', [index]))
      await firstBatches(new api.DataLoader!(tensors))
    },
  },
  {
    name: 'Subset',
    args: async (world, random) => [await dataset(world, random), [0, 2, 1]],
    call: async (args) => firstBatches(new api.DataLoader!(new api.Subset!(...args))),
  },
  ...['normalization', 'balancedWeights'].map((name) => ({
    name,
    args: async (world: World, random: Random) => [await dataset(world, random), { signal: timedSignal(300) }],
    call: (args: unknown[]) => api[name]!(...args),
  })),
  {
    name: 'split',
    args: async (world, random) => [
      await dataset(world, random),
      {
        fractions: { train: 0.5, test: 0.5 },
        by: random.pick<unknown>([undefined, [0, 0, 1, 1, 2, 2], (_: unknown, index: number) => index % 3]),
        stratify: random.chance(0.5),
        seed: 0,
        signal: timedSignal(300),
        onProgress: () => undefined,
      },
    ],
    call: (args) => api.split!(...args),
  },
  {
    name: 'checkLeakage',
    args: async (world, random) => [
      { train: await dataset(world, random), test: await dataset(world, random) },
      { by: undefined, near: 0.1, allow: true, signal: timedSignal(300), onProgress: () => undefined },
    ],
    call: (args) => api.checkLeakage!(...args),
  },
  {
    name: 'logMel',
    args: (_, random) => [
      { ...array([2, 400], random), sampleRate: 8000 },
      { fftSize: 64, hopLength: 32, mels: 8, minFrequency: 0, maxFrequency: 4000, floor: 1e-10, sampleRate: 8000 },
    ],
    call: (args) => api.logMel!(...args),
  },
]

export const runtime: readonly Target[] = [
  { name: 'manualSeed', args: () => [1], call: (args) => api.manualSeed!(...args) },
  { name: 'setNumThreads', args: () => [1], call: (args) => api.setNumThreads!(...args) },
  { name: 'getNumThreads', args: () => [], call: (args) => api.getNumThreads!(...args) },
  { name: 'isCudaAvailable', args: () => [], call: (args) => api.isCudaAvailable!(...args) },
]
