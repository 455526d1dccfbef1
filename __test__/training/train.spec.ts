import test from 'ava'
import { Adam, DataLoader, Sgd, TensorDataset, test as evaluate, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDotLoader, movingDots, movingDotSamples, noise, toyModel } from '../helpers/toy'
import { turns } from '../helpers/turns'
import type { BatchReport, Sample, TrainOptions } from 'zoetrope'

test('an epoch gives loss, accuracy, samples, steps and speed', async (t) => {
  await using model = await toyModel()
  const result = await train(model, movingDotLoader(40), { optimizer: new Adam(model) })
  t.deepEqual(Object.keys(result), ['loss', 'accuracy', 'samples', 'steps', 'seconds', 'samplesPerSecond'])
  t.is(result.samples, 40)
  t.is(result.steps, 3)
  t.true(Math.abs(result.loss - Math.LN2) < 0.2, `loss ${result.loss} of a model that knows nothing`)
  t.true(result.accuracy >= 0 && result.accuracy <= 1)
  t.true(result.seconds > 0)
  t.true(Math.abs(result.samplesPerSecond - 40 / result.seconds) < 1e-6)
})

test('it learns what no single frame tells', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model, { learningRate: 0.01 })
  const loader = movingDotLoader(256, { shuffle: true })
  for (let epoch = 0; epoch < 20; epoch++) await train(model, loader, { optimizer })
  const { accuracy } = await evaluate(model, movingDotLoader(200, {}, 99))
  t.true(accuracy > 0.95, `accuracy ${accuracy} on new clips`)
})

test('equal seeds give equal runs, bit for bit', async (t) => {
  const run = async () => {
    await using model = await toyModel({ lstm: { hiddenSize: 8, numLayers: 2, dropout: 0.3 }, seed: 11 })
    const optimizer = new Adam(model)
    const loader = movingDotLoader(64, { shuffle: true, seed: 4 })
    const losses = [await train(model, loader, { optimizer }), await train(model, loader, { optimizer })]
    return [losses.map(({ loss }) => loss), await model.stateDict()]
  }
  const [first, second] = [await run(), await run()]
  t.deepEqual(first, second)
  const [together, beside] = await Promise.all([run(), run()])
  t.deepEqual(together, first, 'two runs at the same time do not disturb each other')
  t.deepEqual(beside, first)
})

test('samples by index and a TensorDataset train alike, bit for bit', async (t) => {
  const run = async (loader: DataLoader) => {
    await using model = await toyModel()
    await train(model, loader, { optimizer: new Adam(model) })
    return await model.stateDict()
  }
  const options = { batchSize: 16, shuffle: true, seed: 8 }
  const native = await run(new DataLoader(new TensorDataset(movingDots(50)), options))
  t.deepEqual(await run(new DataLoader(movingDotSamples(50), options)), native)
})

test('onBatch is called after every batch, in order, and awaited', async (t) => {
  await using model = await toyModel()
  const reports: BatchReport[] = []
  let isRunning = false
  const result = await train(model, movingDotLoader(100), {
    optimizer: new Adam(model),
    reportEvery: 3,
    onBatch: async (report) => {
      t.false(isRunning)
      isRunning = true
      await turns()
      isRunning = false
      reports.push(report)
    },
  })
  t.deepEqual(
    reports.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7],
  )
  t.deepEqual(
    reports.map(({ steps }) => steps),
    Array<number>(7).fill(7),
  )
  t.deepEqual(
    reports.map(({ samples }) => samples),
    [16, 32, 48, 64, 80, 96, 100],
  )
  const losses = reports.map(({ loss }) => loss)
  t.true(losses.every(Number.isFinite))
  t.is(losses[1], losses[0], 'read at step 1, 3, 6 and the last')
  t.not(losses[2], losses[1])
  t.is(losses[3], losses[2])
  t.is(losses[6], result.loss)
  t.is(reports[6]!.accuracy, result.accuracy)
})

test('a reading is exact: it has the batches up to its step and no later one', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model, { learningRate: 0 })
  const readings: number[] = []
  const loader = movingDotLoader(64)
  await train(model, loader, { optimizer, reportEvery: 1, onBatch: ({ loss }) => readings.push(loss) })
  for (const [index, reading] of readings.entries()) {
    const dots = movingDots(64)
    const count = (index + 1) * 16
    const inputs = { data: dots.inputs.data.subarray(0, count * 384), shape: [count, 6, 1, 8, 8] }
    const head = new TensorDataset({ inputs, targets: dots.targets.subarray(0, count) })
    const { loss } = await evaluate(model, new DataLoader(head))
    t.true(Math.abs(loss - reading) < 1e-6, `${loss} and ${reading} at step ${index + 1}`)
  }
})

test('steps is undefined where the loader cannot tell', async (t) => {
  await using model = await toyModel()
  const steps = new Set<unknown>()
  const loader = new DataLoader(new Set(movingDotSamples(20)), { batchSize: 8 })
  await train(model, loader, { optimizer: new Adam(model), onBatch: (report) => steps.add(report.steps) })
  t.deepEqual([...steps], [undefined])
})

test('an error of onBatch ends the epoch and comes as it is; the model works after it', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  const own = new Error('enough')
  for (const onBatch of [
    () => {
      throw own
    },
    async () => Promise.reject(own),
  ]) {
    await t.throwsAsync(train(model, movingDotLoader(100), { optimizer, onBatch }), { is: own })
  }
  t.is((await train(model, movingDotLoader(16), { optimizer })).steps, 1)
})

test('inputs that are NaN are ERR_NON_FINITE_LOSS naming the step; parameters stay as they were before it', async (t) => {
  const bad = noise([8, 6, 1, 8, 8])
  bad.data.fill(NaN)
  const good = Array.from({ length: 3 }, (_, seed) => noise([8, 6, 1, 8, 8], seed))
  const samples = [...good, bad, ...good].flatMap(({ data }) =>
    Array.from({ length: 8 }, (_, clip) => ({
      input: { data: data.subarray(clip * 384, (clip + 1) * 384), shape: [6, 1, 8, 8] },
      target: clip % 2,
    })),
  )
  await using model = await toyModel()
  await using twin = await toyModel()
  const error = await failsWith(t, 'ERR_NON_FINITE_LOSS', async () =>
    train(model, new DataLoader(samples, { batchSize: 8 }), { optimizer: new Adam(model) }),
  )
  t.is(error.details['step'], 4)
  t.regex(error.message, /step 4/)
  await train(twin, new DataLoader(samples.slice(0, 24), { batchSize: 8 }), { optimizer: new Adam(twin) })
  t.deepEqual(await model.stateDict(), await twin.stateDict())
  const { loss } = await train(model, movingDotLoader(16), { optimizer: new Adam(model) })
  t.true(Number.isFinite(loss))
})

test('two models train at the same time in one process', async (t) => {
  const models = await Promise.all([toyModel({ seed: 1 }), toyModel({ seed: 2 })])
  const losses = models.map((): number[] => [])
  await Promise.all(
    models.map(async (model, which) => {
      const optimizer = new Adam(model, { learningRate: 0.01 })
      const loader = movingDotLoader(128, { shuffle: true })
      for (let epoch = 0; epoch < 8; epoch++) losses[which]!.push((await train(model, loader, { optimizer })).loss)
    }),
  )
  for (const run of losses) t.true(run.at(-1)! < run[0]!, run.join())
  await Promise.all(models.map(async (model) => model.dispose()))
})

test('predictions and a test may run while the model trains', async (t) => {
  await using model = await toyModel()
  const clips = movingDots(3).inputs
  const training = train(model, movingDotLoader(320), { optimizer: new Adam(model) })
  const [tested, ...predicted] = await Promise.all([
    evaluate(model, movingDotLoader(64)),
    ...Array.from({ length: 10 }, async () => model.predict(clips)),
  ])
  t.is(tested.samples, 64)
  t.true(predicted.every(({ length }) => length === 3))
  t.is((await training).samples, 320)
})

test('dispose ends a training with ERR_DISPOSED', async (t) => {
  const model = await toyModel()
  const optimizer = new Adam(model)
  await failsWith(t, 'ERR_DISPOSED', async () =>
    train(model, movingDotLoader(1600), { optimizer, onBatch: async ({ step }) => step === 3 && model.dispose() }),
  )
})

test('clips that do not fit the model are ERR_SHAPE_MISMATCH, and the model works after it', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  const before = await model.stateDict()
  for (const shape of [
    [4, 6, 2, 8, 8],
    [4, 1, 8, 9],
  ]) {
    const dataset = new TensorDataset({ inputs: noise(shape), targets: [0, 1, 0, 1] })
    await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => train(model, new DataLoader(dataset), { optimizer }))
  }
  t.deepEqual(await model.stateDict(), before)
  t.is((await train(model, movingDotLoader(16), { optimizer })).steps, 1)
})

test('the first step that fails is the last: neither the next, which lay ready, nor a last group updates', async (t) => {
  const clips = (count: number, channels: number): Sample[] =>
    Array.from({ length: count }, (_, clip) => ({
      input: { data: new Float32Array(channels * 384).fill(clip), shape: [6, channels, 8, 8] },
      target: clip % 2,
    }))
  const samples = [...clips(8, 1), ...clips(8, 2), ...clips(8, 1)]
  await using model = await toyModel()
  await using twin = await toyModel()
  const fails = async (count: number, accumulate: number) => {
    const loader = new DataLoader(samples.slice(0, count), { batchSize: 8 })
    const optimizer = new Adam(model)
    await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => train(model, loader, { optimizer, accumulate }))
    return optimizer.steps
  }
  t.is(await fails(24, 4), 0)
  t.is(await fails(16, 4), 0)
  t.deepEqual(await model.stateDict(), await twin.stateDict())
  t.is(await fails(24, 1), 1)
  await train(twin, new DataLoader(samples.slice(0, 8), { batchSize: 8 }), { optimizer: new Adam(twin) })
  t.deepEqual(await model.stateDict(), await twin.stateDict())
})

test('wrong arguments are refused', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  const loader = movingDotLoader(16)
  const call = (options: unknown) => async () => train(model, loader, untyped<TrainOptions>(options))
  await refuses(t, TypeError, /^Expected an object for `options`, received undefined$/, call(undefined))
  await refuses(t, TypeError, /^Expected an optimizer, such as an Adam, for `optimizer`, received undefined$/, call({}))
  await refuses(t, TypeError, /for `optimizer`, received 'adam'$/, call({ optimizer: 'adam' }))
  await refuses(t, TypeError, /^Unknown option `onbatch`; did you mean `onBatch`\?$/, call({ optimizer, onbatch: 1 }))
  await refuses(t, TypeError, /^Expected a function for `onBatch`, received 1$/, call({ optimizer, onBatch: 1 }))
  await refuses(
    t,
    TypeError,
    /^Expected an AbortSignal for `signal`, received an object$/,
    call({ optimizer, signal: {} }),
  )
  await refuses(
    t,
    TypeError,
    /for `signal`, received an instance of AbortController$/,
    call({ optimizer, signal: new AbortController() }),
  )
  await refuses(
    t,
    RangeError,
    /^Expected a positive integer for `reportEvery`, received 0$/,
    call({ optimizer, reportEvery: 0 }),
  )
  await refuses(t, TypeError, /^Expected a boolean for `progress`, received 1$/, call({ optimizer, progress: 1 }))
  await refuses(t, TypeError, /^Expected a CnnLstm for `model`, received an object$/, async () =>
    train(untyped({}), loader, { optimizer }),
  )
  await refuses(t, TypeError, /^Expected a DataLoader for `loader`, received an array of length 0$/, async () =>
    train(model, untyped([]), { optimizer }),
  )
})
