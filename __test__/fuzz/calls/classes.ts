/** The package's classes: derived from, called on what is none of their instances, used in another thread. */
import { Worker } from 'node:worker_threads'
import * as zoetrope from 'zoetrope'
import { CnnLstm, DataLoader, Sgd, TensorDataset, test, train } from 'zoetrope'
import { Random } from '../random'
import { anything } from '../values'
import { api } from './target'
import { FRAMES, array, samples } from './world'
import type { Note } from './target'
import type { World } from './world'

/** A class that overrides `get` must be asked, by hand and in training alike. */
export async function overriddenGet(random: Random): Promise<void> {
  class Changed extends TensorDataset {
    override get(index: number): ReturnType<TensorDataset['get']> {
      const sample = super.get(index)
      return {
        ...sample,
        input: { ...sample.input, data: (sample.input.data as Float32Array).map((value) => value * 100) },
      }
    }
  }
  const tensors = new Changed({ inputs: array([6, 1, 4, 4], random), targets: [0, 1, 2, 0, 1, 2] })
  const list = Array.from({ length: 6 }, (_, index) => tensors.get(index))
  const losses = await Promise.all(
    [tensors, list].map(async (data) => {
      const model = await CnnLstm.create(FRAMES)
      const { loss } = await train(model, new DataLoader(data), { optimizer: new Sgd(model, { learningRate: 0.01 }) })
      await model.dispose()
      return loss
    }),
  )
  if (losses[0] !== losses[1]) throw new Error('a subclass of TensorDataset is not asked for its samples')
}

/** Methods and accessors of the package's classes on what is none of their instances. */
export async function wrongThis(random: Random, world: World, note: Note): Promise<void> {
  const classes = Object.entries(zoetrope).filter(([name]) => /^[A-Z][a-z]/.test(name)) as unknown as [string, Class][]
  const [name, { prototype }] = random.pick(classes)
  const keys = Reflect.ownKeys(prototype).filter((key) => key !== 'constructor')
  if (keys.length === 0) return
  const key = random.pick(keys)
  const parts: unknown[] = Object.values(Object.getOwnPropertyDescriptor(prototype, key)!)
  const call = random.pick(parts.filter((part) => typeof part === 'function')) as () => unknown
  const model = await world.shared()
  const [label, self] = random.chance(0.5)
    ? anything(random)
    : random.pick<readonly [string, unknown]>([
        ['the prototype', prototype],
        ['a Proxy of a model', new Proxy(model, {})],
        ['what inherits from a model', Object.create(model)],
      ])
  note(`${name}.${String(key)} of ${label}`)
  try {
    const result: unknown = await Reflect.apply(call, self, [0])
    await (result as Partial<AsyncIterator<unknown>> | undefined)?.next?.()
  } catch (error) {
    //                                 the engine's own words for a wrong receiver are as good as ours
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
  }
}

interface Class {
  readonly prototype: object
}

/** Instances of classes that a program derives train as the package's own do. */
export async function subclasses(random: Random): Promise<void> {
  class OwnLoader extends DataLoader {
    readonly own = 1
  }
  class OwnSgd extends Sgd {
    readonly own = 1
  }
  class OwnModel extends (api.CnnLstm as unknown as { new (): object; create: typeof CnnLstm.create }) {
    readonly own = 1
  }
  const losses = await Promise.all(
    [false, true].map(async (isOwn) => {
      const model = await (isOwn ? OwnModel : CnnLstm).create(FRAMES)
      const loader = new (isOwn ? OwnLoader : DataLoader)(samples(model, new Random(1, 1)), { batchSize: 2 })
      const optimizer = new (isOwn ? OwnSgd : Sgd)(model, { learningRate: 0.1 })
      const { loss } = await train(model, loader, { optimizer })
      if (random.chance(0.5)) await test(model, loader)
      await model.dispose()
      return loss
    }),
  )
  if (losses[0] !== losses[1]) throw new Error('subclasses train to another loss')
}

const IN_A_WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const { CnnLstm, DataLoader, Sgd, train } = require(workerData.package)
void (async () => {
  const model = await CnnLstm.create(workerData.options)
  const data = new DataLoader(workerData.samples, { batchSize: 2 })
  for (;;) {
    const { loss } = await train(model, data, { optimizer: new Sgd(model, { learningRate: 0.1 }) })
    parentPort.postMessage(loss)
  }
})()`

/** A worker thread trains, and is ended in the middle of it. */
export async function inAWorker(random: Random): Promise<void> {
  const model = await CnnLstm.create(FRAMES)
  const list = samples(model, new Random(1, 1))
  const { loss } = await train(model, new DataLoader(list, { batchSize: 2 }), {
    optimizer: new Sgd(model, { learningRate: 0.1 }),
  })
  await model.dispose()
  const workerData = { package: require.resolve('zoetrope'), options: FRAMES, samples: list }
  const worker = new Worker(IN_A_WORKER, { eval: true, workerData })
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  const first = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve))
  await worker.terminate()
  await exited
  if (first !== loss) throw new Error(`a worker trains to a loss of ${String(first)} instead of ${loss}`)
}
