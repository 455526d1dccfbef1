/** An ECMAScript module that imports the package: what TypeScript knows about labels, heads and results. */
import { Adam, CnnLstm, DataLoader, FolderDataset, TensorDataset, ZoetropeError, fit, test, train } from 'zoetrope'
import type { ErrorCode, MultiLabelPrediction, Prediction, RegressionPrediction, TestResult } from 'zoetrope'

/** `true` where two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_Answer extends true>(): void => undefined

const input = { channels: 1, height: 8, width: 8 }
const clips = { data: new Float32Array(64), shape: [1, 1, 1, 8, 8] }

export async function labels(): Promise<void> {
  const named = await CnnLstm.create({ input, classes: ['left', 'right'] })
  const [first] = await named.predict(clips)
  same<Same<typeof named.classes, readonly ('left' | 'right')[]>>()
  same<Same<typeof first, Prediction<'left' | 'right'>>>()
  // @ts-expect-error -- no class has this name
  if (first.label === 'up') throw new Error()

  const counted = await CnnLstm.create({ input, numClasses: 2 })
  same<Same<Awaited<ReturnType<typeof counted.predict>>, Prediction<string>[]>>()

  // @ts-expect-error -- classes have names or a number
  await CnnLstm.create({ input, classes: [1, 2] })
  // @ts-expect-error -- an option that does not exist
  await CnnLstm.create({ input, numClasses: 2, hiddenSize: 3 })
}

export async function heads(): Promise<void> {
  const several = await CnnLstm.create({ input, classes: ['rain', 'wind'], head: 'multiLabel' })
  same<Same<Awaited<ReturnType<typeof several.predict>>, MultiLabelPrediction<'rain' | 'wind'>[]>>()

  const numbers = await CnnLstm.create({ input, head: { kind: 'regression', outputs: 2, loss: 'smoothL1' } })
  same<Same<Awaited<ReturnType<typeof numbers.predict>>, RegressionPrediction[]>>()

  const frames = await CnnLstm.create({ input, classes: ['a', 'b'], head: { per: 'frame' } })
  same<Same<Awaited<ReturnType<typeof frames.predict>>, Prediction<'a' | 'b'>[][]>>()

  // @ts-expect-error -- a head that does not exist
  await CnnLstm.create({ input, numClasses: 2, head: 'segmentation' })

  const loaded = await CnnLstm.load<'a' | 'b', { kind: 'multiLabel'; per: 'frame' }>('model.safetensors')
  same<Same<Awaited<ReturnType<typeof loaded.predict>>, MultiLabelPrediction<'a' | 'b'>[][]>>()
}

export async function training(signal: AbortSignal): Promise<TestResult> {
  const model = await CnnLstm.create({ input: { features: 3 }, numClasses: 2 })
  const dataset = new TensorDataset({ inputs: { data: new Float32Array(6), shape: [2, 1, 3] }, targets: [0, 1] })
  const loader = new DataLoader(dataset, { batchSize: 2, shuffle: true })
  const optimizer = new Adam(model, { learningRate: 1e-3 })
  const { loss, accuracy, samples } = await train(model, loader, { optimizer, signal })
  same<Same<[typeof loss, typeof accuracy, typeof samples], [number, number, number]>>()
  for await (const { epoch } of fit(model, { train: loader, epochs: 2, optimizer })) same<Same<typeof epoch, number>>()
  // @ts-expect-error -- the optimizer is missing
  await train(model, loader, {})
  await model.dispose()
  return test(model, loader)
}

export async function files(): Promise<void> {
  const dataset = await FolderDataset.open('clips', { size: 64, window: { size: 2 }, unit: 'seconds' })
  await FolderDataset.open('clips', { kind: 'sound', logMel: { mels: 20 } })
  // @ts-expect-error -- an option of another kind
  await FolderDataset.open('clips', { kind: 'sound', size: 64 })
  // @ts-expect-error -- a filter that does not exist
  await FolderDataset.open('clips', { filter: 'sharp' })
  const { input: frame, classes, preprocessing } = dataset
  const model = await CnnLstm.create({ input: frame, classes, preprocessing })
  same<Same<Awaited<ReturnType<typeof model.predictFile>>, Prediction<string>[]>>()
  if (preprocessing.kind === 'frames') same<Same<typeof preprocessing.channels, 1 | 3>>()
}

export function codeOf(error: unknown): ErrorCode | undefined {
  // @ts-expect-error -- the list of codes is closed
  if (error instanceof ZoetropeError && error.code === 'ERR_NOPE') return undefined
  return error instanceof ZoetropeError ? error.code : undefined
}
