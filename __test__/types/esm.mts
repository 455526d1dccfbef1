/** An ECMAScript module that imports the package: what TypeScript knows about labels, heads and results. */
import { Adam, CnnLstm, DataLoader, FolderDataset, TensorDataset, ZoetropeError } from 'zoetrope'
import { accuracyByFrames, accuracySvg, fit, test, train, writeReport } from 'zoetrope'
import { classification, decodeCtc, readOnnxMetadata } from 'zoetrope/decode'
import type {
  AnyTestResult,
  ErrorCode,
  FloatArray,
  ForecastPrediction,
  ForecastTestResult,
  Generated,
  LabelStringPrediction,
  LabelsSoFar,
  LoadResult,
  MultiLabelPrediction,
  Prediction,
  RegressionPrediction,
  StringTestResult,
  TestResult,
} from 'zoetrope'

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

  const strings = await CnnLstm.create({ input, classes: ['a', 'b'], head: { kind: 'sequence', maxLength: 5 } })
  same<Same<Awaited<ReturnType<typeof strings.predict>>, Generated<'a' | 'b'>[]>>()
  same<Same<Awaited<ReturnType<typeof strings.generate>>, Generated<'a' | 'b'>[]>>()
  for await (const label of strings.generateTokens(clips)) same<Same<typeof label, 'a' | 'b'>>()
  // @ts-expect-error -- a beam search knows no label before the end
  strings.generateTokens(clips, { strategy: 'beam' })
  // @ts-expect-error -- this head writes no strings
  await frames.generate(clips)
  // @ts-expect-error -- a decoder has a longest string
  await CnnLstm.create({ input, classes: ['a', 'b'], head: { kind: 'sequence' } })

  const steps = await CnnLstm.create({ input: { features: 3 }, head: { kind: 'forecast', horizon: 4 } })
  same<Same<Awaited<ReturnType<typeof steps.predict>>, ForecastPrediction[]>>()
  same<Same<Awaited<ReturnType<typeof steps.forecast>>, FloatArray>>()
  await steps.forecast(clips, { steps: 2, sample: { seed: 0 } })
  const loader = new DataLoader(new TensorDataset({ inputs: { data: new Float32Array(6), shape: [1, 2, 3] } }))
  const tested = await test(steps, loader)
  same<Same<typeof tested, ForecastTestResult>>()
  // @ts-expect-error -- a classification continues nothing
  await frames.forecast(clips)
  // @ts-expect-error -- how far?
  await CnnLstm.create({ input, head: { kind: 'forecast' } })

  // @ts-expect-error -- a head that does not exist
  await CnnLstm.create({ input, numClasses: 2, head: 'segmentation' })

  const loaded = await CnnLstm.load<'a' | 'b', { kind: 'multiLabel'; per: 'frame' }>('model.safetensors')
  same<Same<Awaited<ReturnType<typeof loaded.predict>>, MultiLabelPrediction<'a' | 'b'>[][]>>()
}

export async function streams(): Promise<void> {
  const named = await CnnLstm.create({ input, classes: ['left', 'right'] })
  await using stream = named.stream()
  const frame = { data: new Float32Array(64), shape: [1, 8, 8] }
  const answer = await stream.push(frame)
  same<Same<typeof answer, Prediction<'left' | 'right'>>>()
  same<Same<Awaited<ReturnType<typeof named.pushAll>>, Prediction<'left' | 'right'>[]>>()
  const frames = await CnnLstm.create({ input, head: { kind: 'regression', per: 'frame' } })
  const own = await frames.stream().push(frame)
  same<Same<typeof own, RegressionPrediction>>()
  // @ts-expect-error -- a stream of a model with other answers
  await named.pushAll([[frames.stream(), frame]])
  const strings = await CnnLstm.create({ input, classes: ['a', 'b'], head: 'ctc' })
  const said = await strings.stream().push(frame)
  same<Same<typeof said, LabelsSoFar<'a' | 'b'>>>()
  const curve = await accuracyByFrames(named, [{ input: frame, target: 0 }], { shares: [0.5, 1] })
  same<Same<(typeof curve)[number]['accuracy'], number>>()
  same<Same<ReturnType<typeof accuracySvg>, string>>()
}

export async function strings(loader: DataLoader): Promise<void> {
  const reader = await CnnLstm.create({ input, classes: ['a', 'b'], head: 'ctc' })
  const answers = await reader.predict(clips, { decode: { beams: 4, lexicon: ['ab'] } })
  same<Same<typeof answers, LabelStringPrediction<'a' | 'b'>[]>>()
  const result = await test(reader, loader)
  same<Same<typeof result, StringTestResult>>()
  // @ts-expect-error -- a label string has no confusion matrix
  void result.confusionMatrix
  for (const { validation } of await fit(reader, { train: loader, epochs: 1, optimizer: new Adam(reader) })) {
    same<Same<typeof validation, StringTestResult | undefined>>()
  }
  const classifier = await CnnLstm.create({ input, classes: ['a', 'b'] })
  // @ts-expect-error -- one class is not decoded
  await classifier.predict(clips, { decode: 'greedy' })
  // @ts-expect-error -- no class has this name
  await reader.predict(clips, { decode: { lexicon: [['c']] } })
  // @ts-expect-error -- a forecast needs a horizon
  await CnnLstm.create({ input, head: { kind: 'forecast' } })
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

export async function files(model: CnnLstm): Promise<LoadResult> {
  const { largestDifference, clips: compared } = await model.exportOnnx('model.onnx', { softmax: true, probe: clips })
  same<Same<[typeof largestDifference, typeof compared], [number | undefined, number]>>()
  // @ts-expect-error -- a type that no file has
  await model.exportOnnx('model.onnx', { inputType: 'float64' })
  // @ts-expect-error -- names are text
  await model.loadStateDict('model.safetensors', { rename: () => 1 })
  return model.loadStateDict('model.safetensors', { prefix: 'module.', rename: { a: 'b' }, strict: false })
}

export function decoded(logits: Float32Array): string | undefined {
  const { label } = classification(logits, ['left', 'right'])
  const { labels } = decodeCtc(logits, ['a', 'b'], { beams: 4 })
  same<Same<[typeof label, typeof labels], ['left' | 'right' | undefined, readonly ('a' | 'b')[] | undefined]>>()
  return readOnnxMetadata(new Uint8Array()).classes[0]
}

export async function folders(): Promise<void> {
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

export async function reports(model: CnnLstm, loader: DataLoader): Promise<void> {
  const optimizer = new Adam(model)
  const logs = { directory: new URL('file:///runs/a'), histograms: true, clips: 2 }
  const run = fit(model, { train: loader, epochs: 1, optimizer, logs, report: { path: 'a.html', title: 'A' } })
  const history = await run
  fit(model, { train: loader, epochs: 1, optimizer, logs: 'runs/a', report: 'a.html' })
  const data = await writeReport('b.html', model, loader, {
    history,
    best: 'accuracy',
    groups: ['a', 'b'],
    train: loader,
  })
  same<Same<typeof data.result, AnyTestResult>>()
  // @ts-expect-error -- a report is written somewhere
  fit(model, { train: loader, epochs: 1, optimizer, report: { title: 'A' } })
  // @ts-expect-error -- an option that does not exist
  await writeReport('b.html', model, loader, { titel: 'A' })
}
