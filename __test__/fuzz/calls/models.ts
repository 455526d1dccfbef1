/** The methods of a model. */
import { types } from 'node:util'
import { CnnLstm, Sgd } from 'zoetrope'
import { method, use } from './target'
import { FRAMES, REGRESSION, VECTORS, array } from './world'
import type { AnyCnnLstm } from 'zoetrope'
import type { Random } from '../random'
import type { Target } from './target'
import type { World } from './world'

const clips = (random: Random) => [
  { ...array([2, 3, 1, 4, 4], random) },
  { lengths: random.chance(0.5) ? [3, 1] : undefined },
]

/** Classes or outputs up to which a model is trained and tested; sizes beyond it are honest work for minutes. */
const MANY = 20_000
/** Hidden units and layers up to which a model is trained: beyond it that takes gigabytes or minutes, as was asked for. */
const WIDE = 1000

/** Layers of which a model is made for minutes, in 8 GB, because that many were asked for. */
const DEEP = 2 ** 20

/** Whether a model would be {@link DEEP}; getters are not asked. */
function isDeep(options: unknown): boolean {
  const layers = peek(peek(options, 'lstm'), 'numLayers')
  return layers === DEEP
}

function peek(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return undefined
  return Object.getOwnPropertyDescriptor(value, key)?.value
}

export const models: readonly Target[] = [
  {
    name: 'CnnLstm.create',
    limits: { settle: 60_000, turn: 3000, growth: 9000 }, //  two layers of 12,000 hidden units are 6.9 GB of weights
    args: (_, random) => [structuredClone(random.pick<object>([FRAMES, VECTORS, REGRESSION]))],
    call: async (args, _, random) => {
      if (isDeep(args[0])) return
      const model = (await method(CnnLstm, 'create', args)) as AnyCnnLstm
      const { input } = model.config
      const frame = 'features' in input ? [input.features] : [input.channels, input.height, input.width]
      const length = frame.reduce((product, size) => product * size, 1)
      try {
        if (length > 1e5 || model.config.lstm.numLayers > WIDE) return
        await model.logits({ data: new Float32Array(length), shape: [1, 1, ...frame] })
        if (model.numOutputs < MANY && model.config.lstm.hiddenSize < WIDE) await use(model, new Sgd(model), random)
      } finally {
        await model.dispose()
      }
    },
  },
  {
    name: 'CnnLstm.load',
    args: (world) => [world.file('model.safetensors'), { device: 'cpu' }],
    call: async (args) => ((await method(CnnLstm, 'load', args)) as AnyCnnLstm).dispose(),
  },
  ...['predict', 'logits'].map((name) => ({
    name: `model.${name}`,
    args: (_: World, random: Random) => clips(random),
    call: async (args: unknown[], world: World) => method(await world.shared(), name, args),
  })),
  ...['freeze', 'unfreeze'].map((name) => ({
    name: `model.${name}`,
    args: () => ['cnn'],
    call: async (args: unknown[], world: World, random: Random) => method(await world.fresh(random), name, args),
  })),
  {
    name: 'stream.push',
    args: (_, random) => [array([1, 4, 4], random)],
    call: async (args, world) => {
      const stream = (await world.shared()).stream()
      try {
        await method(stream, 'push', args)
      } finally {
        await stream.dispose()
      }
    },
  },
  {
    name: 'model.pushAll',
    args: async (world, random) => {
      const model = await world.shared()
      return [Array.from({ length: 2 }, () => [model.stream(), array([1, 4, 4], random)])]
    },
    call: async (args, world) => method(await world.shared(), 'pushAll', args),
  },
  {
    name: 'model.summary',
    args: () => [{ print: () => undefined }],
    call: async (args, world) => method(await world.shared(), 'summary', args),
  },
  {
    name: 'model.loadStateDict',
    args: async (world, random) => {
      const state = await (await world.shared()).stateDict()
      const from = random.pick<unknown>([state, [...state], world.file('state.safetensors')])
      return [from, { prefix: random.pick(['', 'cnn.']), rename: { a: 'b' }, strict: random.chance(0.5) }]
    },
    call: async (args, world) => loadUnharmed(await world.shared(), args),
  },
]

/** A state dict that is refused must leave the model as it was, to the bit. */
async function loadUnharmed(model: AnyCnnLstm, args: unknown[]): Promise<void> {
  const before = await model.stateDict()
  try {
    await method(model, 'loadStateDict', args)
  } catch (error) {
    for (const [name, { data }] of await model.stateDict()) {
      if (Buffer.compare(bytesOf(data), bytesOf(before.get(name)!.data)) !== 0)
        throw new Error(`${name} was changed by a refused state dict`, { cause: error })
    }
    throw error
  } finally {
    await model.loadStateDict(before)
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength)
