/** Functions that take a path, with paths that are none, or lead to what is no file. */
import * as zoetrope from 'zoetrope'
import { method } from './target'
import type { AnyCnnLstm, StreamedDataset } from 'zoetrope'
import type { Target } from './target'

const { CnnLstm, NpyDataset, NpzDataset } = zoetrope

async function opened(dataset: unknown): Promise<void> {
  await (dataset as StreamedDataset).get(0)
  await (dataset as StreamedDataset).close()
}

export const pathTargets: readonly Target[] = [
  ...(['readNpy', 'readNpz', 'readWav', 'readTs'] as const).map(
    (name) =>
      ({
        name,
        args: (world, random) => {
          const extension = name.slice(4).toLowerCase()
          const options = { readNpz: [{ names: ['x'], memoryLimit: 2 ** 26 }], readTs: [{ as: 'vectors', missing: 0 }] }
          const path = random.chance(0.4) ? world.oddPath(random) : world.file(`x.${extension}`)
          return [path, ...((options as Record<string, unknown[]>)[name] ?? [])]
        },
        call: (args) => method(zoetrope, name, args),
      }) satisfies Target,
  ),
  {
    name: 'CnnLstm.load of a path',
    args: (world, random) => [world.oddPath(random)],
    call: async (args) => ((await method(CnnLstm, 'load', args)) as AnyCnnLstm).dispose(),
  },
  {
    name: 'model.loadStateDict of a path',
    args: (world, random) => [world.oddPath(random)],
    call: async (args, world) => method(await world.shared(), 'loadStateDict', args),
  },
  {
    name: 'model.save',
    args: (world, random) => [random.chance(0.5) ? world.oddPath(random, true) : world.file('saved.safetensors')],
    call: async (args, world) => method(await world.shared(), 'save', args),
  },
  {
    name: 'model.exportOnnx',
    args: (world, random) => [
      random.chance(0.5) ? world.oddPath(random, true) : world.file('exported.onnx'),
      random.pick<unknown>([
        { verify: false, inputType: 'uint8', softmax: false },
        { verify: false, streaming: true },
        { verify: false, probe: { data: new Float32Array(4), shape: [1, 2, 2] }, probeLengths: [1] },
      ]),
    ],
    call: async (args, world) => method(await world.shared(), 'exportOnnx', args),
  },
  {
    name: 'NpyDataset.open',
    args: (world, random) => {
      const odd = random.chance(0.3)
      return [
        odd ? world.oddPath(random) : world.file('clips.npy'),
        { targets: random.pick<unknown>([world.file('y.npy'), [0, 1, 0, 1]]) },
      ]
    },
    call: async (args) => opened(await method(NpyDataset, 'open', args)),
  },
  {
    name: 'NpzDataset.open',
    args: (world, random) => [
      random.chance(0.3) ? world.oddPath(random) : world.file('x.npz'),
      { inputs: 'x', targets: 'y', memoryLimit: 2 ** 26 },
    ],
    call: async (args) => opened(await method(NpzDataset, 'open', args)),
  },
]
