import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, test as evaluate, train } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { VECTORS, padded, sequences } from '../helpers/sequences'
import type { AnyCnnLstm, HeadType, LossOptions, ModelOptions, Sample, TestResultOf } from 'zoetrope'

const NAMES = { classes: ['low', 'high'] } as const
const firstOf = ({ data }: Sample['input'], frame: number): number => data[frame * 3]!
const data = {
  classification: sequences(40, (input) => Number(firstOf(input, input.shape[0]! - 1) > 0.5)),
  frames: sequences(40, (input) =>
    Array.from({ length: input.shape[0]! }, (_, at) => Number(firstOf(input, at) > 0.5)),
  ),
  labels: sequences(40, (input) => [0, 1].map((at) => Number(input.data.at(at - 3)! > 0.5))),
  regression: sequences(40, (input) => 2 * firstOf(input, input.shape[0]! - 1)),
} as const

async function learn<Head extends HeadType>(
  model: CnnLstm<string, Head>,
  samples: readonly Sample[],
): Promise<TestResultOf<Head>> {
  const loader = new DataLoader(samples, { batchSize: 10, shuffle: true })
  const optimizer = new Adam(model, { learningRate: 2e-2 })
  for (let epoch = 0; epoch < 25; epoch++) await train(model, loader, { optimizer })
  return evaluate(model, new DataLoader(samples))
}

test('one class for each frame: learned, counted and predicted frame by frame', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, ...NAMES, head: { per: 'frame' } })
  const result = await learn(model, data.frames)
  t.true(result.accuracy > 0.95, String(result.accuracy))
  const total = data.frames.reduce((sum, { input }) => sum + input.shape[0]!, 0)
  t.is(
    result.confusionMatrix.flat().reduce((a, b) => a + b),
    total,
  )
  t.is(result.samples, 40)
  const { clips, lengths } = padded(data.frames.slice(0, 3), 9, NaN)
  const answers = await model.predict(clips, { lengths })
  t.deepEqual(
    answers.map((frames) => frames.length),
    lengths,
  )
  const label: 'low' | 'high' | undefined = answers[0]![0]!.label
  t.true(label === 'low' || label === 'high')
  t.deepEqual((await model.logits(clips, { lengths })).shape, [3, 9, 2])
})

test('several labels at once: each has its own probability', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, ...NAMES, head: 'multiLabel' })
  const result = await learn(model, data.labels)
  t.true(result.accuracy > 0.9, String(result.accuracy))
  t.deepEqual(result.confusionMatrix, [])
  t.deepEqual(
    result.perClass.map(({ label, support }) => [label, support]),
    NAMES.classes.map((name, at) => [name, data.labels.filter(({ target }) => (target as number[])[at] === 1).length]),
  )
  const { clips, lengths } = padded(data.labels, 9, 0)
  const predictions = await model.predict(clips, { lengths })
  for (const { labels, probabilities } of predictions) {
    t.deepEqual(
      labels,
      NAMES.classes.filter((_, at) => probabilities[at]! > 0.5),
    )
  }
})

test('regression: numbers, and how far they are off', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, head: { kind: 'regression', loss: 'smoothL1' } })
  t.is(model.numOutputs, 1)
  t.deepEqual(model.classes, [])
  const { mae, rmse, r2, accuracy, perClass } = await learn(model, data.regression)
  const { clips, lengths } = padded(data.regression, 9, 0)
  const errors = (await model.predict(clips, { lengths })).map(
    ({ values }, at) => values[0]! - Number(data.regression[at]!.target),
  )
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length
  const targets = data.regression.map(({ target }) => Number(target))
  const variance = mean(targets.map((target) => (target - mean(targets)) ** 2))
  t.true(Math.abs(mae! - mean(errors.map(Math.abs))) < 1e-5)
  t.true(Math.abs(rmse! - Math.sqrt(mean(errors.map((error) => error ** 2)))) < 1e-5)
  t.true(Math.abs(r2! - (1 - mean(errors.map((error) => error ** 2)) / variance)) < 1e-4)
  t.true(r2! > 0.9, String(r2))
  t.true(Number.isNaN(accuracy))
  t.deepEqual(perClass, [])
})

test('regression per frame has numbers for each frame', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, head: { kind: 'regression', per: 'frame', outputs: 2 } })
  const samples = sequences(5, ({ shape }) => ({ data: new Float32Array(shape[0]! * 2), shape: [shape[0]!, 2] }))
  t.is((await evaluate(model, new DataLoader(samples))).samples, 5)
  const { clips, lengths } = padded(samples, 9, 0)
  const answers = await model.predict(clips, { lengths })
  t.deepEqual(
    answers.map((frames) => frames.map(({ values }) => values.length)),
    lengths.map((length) => Array<number>(length).fill(2)),
  )
})

test('targets of another head are typed errors, and the model is intact', async (t) => {
  await using one = await CnnLstm.create({ ...VECTORS, ...NAMES })
  await using labels = await CnnLstm.create({ ...VECTORS, ...NAMES, head: 'multiLabel' })
  await using tagger = await CnnLstm.create({ ...VECTORS, ...NAMES, head: { per: 'frame' } })
  await using number = await CnnLstm.create({ ...VECTORS, head: 'regression' })
  const wrong: [AnyCnnLstm, keyof typeof data, keyof typeof data, RegExp][] = [
    [one, 'labels', 'classification', /^Expected targets of shape \[32\] \(a class index for each clip\), received/],
    [one, 'regression', 'classification', /^Expected targets that are integers from 0 to 1 \(numClasses - 1\)/],
    [one, 'frames', 'classification', /^Expected targets of shape \[32\]/],
    [labels, 'classification', 'labels', /^Expected targets of shape \[32, 2\] \(0 or 1 for each label of a clip\)/],
    [tagger, 'classification', 'frames', /^Expected targets of shape \[32, 9\] \(a class index for each frame\)/],
    [number, 'labels', 'regression', /^Expected targets of shape \[32, 1\] \(a number for each output of a clip\)/],
  ]
  for (const [model, given, own, message] of wrong) {
    const before = await model.stateDict()
    const optimizer = new Adam(model)
    const error = await t.throwsAsync(train(model, new DataLoader(data[given]), { optimizer }), { message })
    t.true('code' in error && ['ERR_SHAPE_MISMATCH', 'ERR_DATA'].includes(String(error.code)))
    t.deepEqual(await model.stateDict(), before)
    t.is((await train(model, new DataLoader(data[own]), { optimizer })).samples, 40)
  }
})

test('a TensorDataset holds the targets of every head', async (t) => {
  const { clips, lengths } = padded(data.labels, 9, 0)
  const targets = { data: Float32Array.from(data.labels.flatMap(({ target }) => target as number[])), shape: [40, 2] }
  const dataset = new TensorDataset({ inputs: clips, lengths, targets })
  t.deepEqual(dataset.get(3), {
    input: data.labels[3]!.input,
    target: Int32Array.from(data.labels[3]!.target as number[]),
  })
  await using model = await CnnLstm.create({ ...VECTORS, ...NAMES, head: 'multiLabel' })
  const [native, plain] = [
    await evaluate(model, new DataLoader(dataset)),
    await evaluate(model, new DataLoader(data.labels)),
  ]
  t.true(Math.abs(native.loss - plain.loss) < 1e-6)
})

test('a saved model keeps its head', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'zoetrope-heads-'))
  t.teardown(async () => rm(folder, { recursive: true }))
  const path = join(folder, 'model.safetensors')
  const options = {
    projection: 4,
    pooling: 'attention',
    dropout: 0.1,
    head: { kind: 'regression', outputs: 2 },
  } as const
  await using model = await CnnLstm.create({ ...VECTORS, ...options })
  await model.save(path)
  await using again = await CnnLstm.load<string, { kind: 'regression'; per: 'clip' }>(path)
  t.deepEqual(again.config, model.config)
  const { clips, lengths } = padded(data.regression, 9, 0)
  t.deepEqual(await again.predict(clips, { lengths }), await model.predict(clips, { lengths }))
})

test('summary shows the layers of every option', async (t) => {
  const rows = async (options: object) => {
    await using model = await CnnLstm.create(untyped<ModelOptions>({ ...VECTORS, ...options }))
    const counts = [...(await model.stateDict()).values()].reduce((sum, { data: values }) => sum + values.length, 0)
    const text = model.summary({ print: () => undefined })
    t.true(text.includes(`Total params: ${counts.toLocaleString('en-US')} (`), text)
    return text
  }
  const attention = await rows({ ...NAMES, projection: 4, pooling: 'attention', dropout: 0.5, lstm: { cell: 'gru' } })
  t.regex(attention, /projection \(Linear\) +│ \(None, None, 4\)/)
  t.regex(attention, /lstm\.gru \(GRU\)/)
  t.regex(attention, /attention \(Attention\)/)
  t.regex(attention, /dropout \(Dropout\)/)
  t.regex(await rows({ head: { kind: 'regression', per: 'frame', outputs: 5 } }), /fc \(Linear\) +│ \(None, None, 5\)/)
})

test('options that do not fit the head are refused', async (t) => {
  const create = (options: object) => async () => CnnLstm.create(untyped<ModelOptions>({ ...VECTORS, ...options }))
  const wrong: [object, typeof RangeError | typeof TypeError, RegExp][] = [
    [
      { head: 'regresion' },
      RangeError,
      /^Expected 'classification' or 'multiLabel' or 'regression' or 'ctc' .*for `head`, received 'regresion'/,
    ],
    [{ head: {} }, TypeError, /^Expected exactly one of `classes` and `numClasses`, received neither$/],
    [
      { head: 'regression', numClasses: 3 },
      TypeError,
      /^Expected no `numClasses` for a regression, received 3; `head.outputs`/,
    ],
    [{ ...NAMES, head: { outputs: 2 } }, RangeError, /^Expected nothing unless for a regression for `head.outputs`/],
    [{ head: { kind: 'regression', outputs: 0 } }, RangeError, /for `head.outputs`, received 0$/],
    [{ ...NAMES, head: { per: 'frame' }, pooling: 'mean' }, RangeError, /^Expected no `pooling` with a head per frame/],
    [{ ...NAMES, pooling: 'median' }, RangeError, /for `pooling`, received 'median'$/],
    [{ ...NAMES, dropout: 1 }, RangeError, /for `dropout`, received 1$/],
    [{ ...NAMES, projection: 0 }, RangeError, /for `projection`, received 0$/],
    [{ ...NAMES, lstm: { cell: 'rnn' } }, RangeError, /^Expected 'lstm' or 'gru' for `lstm.cell`, received 'rnn'$/],
    [{ ...NAMES, input: { features: 0 } }, RangeError, /for `input.features`, received 0$/],
    [{ ...NAMES, input: { features: 3, height: 2 } }, TypeError, /^Unknown option `input.height`/],
  ]
  for (const [options, type, message] of wrong) await refuses(t, type, message, create(options))
})

test('options of the loss are checked, and change training alone', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, ...NAMES })
  await using labels = await CnnLstm.create({ ...VECTORS, ...NAMES, head: 'multiLabel' })
  await using number = await CnnLstm.create({ ...VECTORS, head: 'regression' })
  const loader = new DataLoader(data.classification, { batchSize: 40 })
  const go = (of: AnyCnnLstm, loss: unknown) => async () =>
    train(of, loader, { optimizer: new Adam(of, { learningRate: 0 }), loss: untyped<LossOptions>(loss) })
  const wrong: [AnyCnnLstm, unknown, typeof RangeError | typeof TypeError, RegExp][] = [
    [model, { labelSmoothing: 1 }, RangeError, /for `loss.labelSmoothing`, received 1$/],
    [model, { labelsmoothing: 0.1 }, TypeError, /did you mean `loss.labelSmoothing`/],
    [model, { classWeights: [1] }, RangeError, /^Expected 2 weights, one a class, for `loss.classWeights`/],
    [model, { classWeights: [1, -1] }, RangeError, /for `loss.classWeights\[1\]`, received -1$/],
    [model, { classWeights: [0, 0] }, RangeError, /^Expected a weight above 0 for `loss.classWeights`/],
    [labels, { labelSmoothing: 0.1 }, RangeError, /^Expected 0 for a multiLabel head for `loss.labelSmoothing`/],
    [number, { classWeights: [1] }, RangeError, /^Expected none for a regression head for `loss.classWeights`/],
  ]
  for (const [of, loss, type, message] of wrong) await refuses(t, type, message, go(of, loss))
  const plain = (await evaluate(model, loader)).loss
  t.true(Math.abs((await go(model, undefined)()).loss - plain) < 1e-6)
  t.true(Math.abs((await go(model, { labelSmoothing: 0.3, classWeights: [1, 5] })()).loss - plain) > 1e-3)
  t.is((await evaluate(model, loader)).loss, plain)
})
