import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, audit, fit, reduceOnPlateau, setNumThreads } from 'zoetrope'
import { test as evaluate, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import type { ClipForecast, ForecastHeadOptions, NdArray, Sample } from 'zoetrope'

setNumThreads(1) // specs run side by side

const HORIZON = 4
const RECURSIVE = { kind: 'forecast', horizon: HORIZON, mode: 'recursive' } as const
const DIRECT = { kind: 'forecast', horizon: HORIZON, mode: 'direct' } as const
const COMMON = { input: { features: 2 }, lstm: { hiddenSize: 24 }, device: 'cpu', seed: 0 } as const

type Forecaster = CnnLstm<string, ClipForecast>

/** Two waves of one period and of phases of their own; `time` steps of a season of 8. */
function wave(time: number, seed: number): NdArray {
  const at = (step: number, feature: number): number =>
    0.5 + 0.4 * Math.sin(((step + seed * 1.7 + feature * 3) / 8) * 2 * Math.PI)
  return {
    data: Float32Array.from({ length: time * 2 }, (_, index) => at(index >> 1, index & 1)),
    shape: [time, 2],
  }
}

/** Clips of 17 to 24 steps. */
const waves: Sample[] = Array.from({ length: 40 }, (_, index) => ({ input: wave(17 + (index % 8), index) }))

function batch(clips: readonly NdArray[]): { clips: NdArray; lengths: number[] } {
  const time = Math.max(...clips.map(({ shape }) => shape[0]!))
  const data = new Float32Array(clips.length * time * 2).fill(NaN)
  clips.forEach((clip, index) => data.set(clip.data, index * time * 2))
  return { clips: { data, shape: [clips.length, time, 2] }, lengths: clips.map(({ shape }) => shape[0]!) }
}

function create(head: ForecastHeadOptions): Promise<Forecaster> {
  return CnnLstm.create({ ...COMMON, head })
}

async function learn(model: Forecaster, epochs: number): Promise<void> {
  await fit(model, {
    train: new DataLoader(waves, { batchSize: 10, shuffle: true, seed: 0 }),
    epochs,
    optimizer: new Adam(model, { learningRate: 1e-2 }),
    clipNorm: 1,
  })
}

for (const head of [DIRECT, RECURSIVE]) {
  test(`${head.mode}: a wave is learned, and beats what needs no model where that can be beaten`, async (t) => {
    await using model = await create({ ...head, season: 8 })
    await learn(model, 60)
    const result = await evaluate(model, new DataLoader(waves, { batchSize: 7 }))
    t.true(result.rmse < result.persistence.rmse / 4, JSON.stringify(result))
    t.true(result.mae < result.persistence.mae / 4)
    t.true(result.seasonalNaive!.rmse < 1e-6) //       the wave is its season
    t.is(result.byStep.length, HORIZON)
    t.is(result.persistence.byStep.length, HORIZON)
    t.is(result.nll, undefined)
    t.is(result.accuracy, NaN)
  })

  test(`${head.mode}: the figures of a test are those of its forecasts`, async (t) => {
    await using model = await create(head)
    const result = await evaluate(model, new DataLoader(waves, { batchSize: 9 }))
    const { clips, lengths } = batch(waves.map(({ input }) => cut(input, input.shape[0]! - HORIZON)))
    const { data, shape } = await model.forecast(clips, { lengths })
    t.deepEqual(shape, [waves.length, HORIZON, 2])
    const errors = waves.flatMap(({ input }, clip) =>
      Array.from(input.data.slice(-2 * HORIZON), (value, at) => data[clip * 2 * HORIZON + at]! - value),
    )
    close(t, result.mae, mean(errors.map(Math.abs)))
    close(t, result.rmse, Math.sqrt(mean(errors.map((error) => error * error))))
    const last = errors.filter((_, at) => Math.floor(at / 2) % HORIZON === HORIZON - 1)
    close(t, result.byStep.at(-1)!.mae, mean(last.map(Math.abs)))
    const changes = waves.flatMap(
      ({
        input: {
          data: values,
          shape: [time = 0],
        },
      }) => Array.from({ length: (time - HORIZON - 1) * 2 }, (_, at) => Math.abs(values[at + 2]! - values[at]!)),
    )
    close(t, result.mase, result.mae / mean(changes))
    const stands = waves.flatMap(({ input: { data: values } }) =>
      Array.from(values.slice(-2 * HORIZON), (value, at) => Math.abs(value - values.at((at % 2) - 2 * HORIZON - 2)!)),
    )
    close(t, result.persistence.mae, mean(stands))
  })

  test(`${head.mode}: a dataset in native memory, or with targets of its own, is the same`, async (t) => {
    await using model = await create(head)
    const own: Sample[] = waves.map(({ input }) => ({
      input: cut(input, input.shape[0]! - HORIZON),
      target: { data: Float32Array.from(input.data.slice(-2 * HORIZON)), shape: [HORIZON, 2] },
    }))
    const { clips, lengths } = batch(waves.map(({ input }) => input))
    const inMemory = new TensorDataset({ inputs: clips, lengths })
    t.deepEqual(Object.keys(inMemory.get(3)), ['input'])
    const expected = await evaluate(model, new DataLoader(waves))
    for (const source of [own, inMemory]) {
      const { loss, rmse, persistence } = await evaluate(model, new DataLoader(source))
      close(t, loss, expected.loss)
      close(t, rmse, expected.rmse)
      close(t, persistence.rmse, expected.persistence.rmse)
    }
  })

  test(`${head.mode}: accumulated batches, averages, frozen parts, files`, async (t) => {
    const settings = { epochs: 2, clipNorm: 1, ema: { decay: 0.5 } }
    const models = await Promise.all([create(head), create(head)])
    for (const [at, model] of models.entries()) {
      const [batchSize, accumulate] = at === 0 ? [40, 1] : [7, 6]
      await model.freeze('lstm')
      await fit(model, {
        ...settings,
        accumulate,
        train: new DataLoader(waves, { batchSize }),
        optimizer: new Adam(model, { learningRate: 1e-2 }),
      })
    }
    const [whole, parts] = await Promise.all(models.map((model) => model.stateDict()))
    for (const [name, { data }] of whole!) {
      const other = parts!.get(name)!.data
      t.true(
        data.every((value, at) => Math.abs(value - other[at]!) < 1e-5),
        name,
      )
    }
    const folder = await mkdtemp(join(tmpdir(), 'zoetrope-'))
    t.teardown(() => rm(folder, { recursive: true }))
    await models[0].save(join(folder, 'model.safetensors'))
    await using again = await CnnLstm.load<string, ClipForecast>(join(folder, 'model.safetensors'))
    t.deepEqual(again.config, models[0].config)
    const { clips, lengths } = batch([wave(9, 1), wave(5, 2)])
    t.deepEqual(await again.forecast(clips, { lengths }), await models[0].forecast(clips, { lengths }))
    const [first] = await again.predict(clips, { lengths })
    t.deepEqual(first!.steps.shape, [HORIZON, 2])
    await Promise.all(models.map((model) => model.dispose()))
  })
}

test('a recursive forecast goes on as long as it is asked to, and each step follows from those before', async (t) => {
  await using model = await create(RECURSIVE)
  const { clips, lengths } = batch([wave(9, 1), wave(5, 2)])
  const long = await model.forecast(clips, { lengths, steps: 30 })
  t.deepEqual(long.shape, [2, 30, 2])
  const longer = [wave(9, 1), wave(5, 2)].map(({ data, shape: [time = 0] }, clip) => ({
    data: Float32Array.from([...data, ...long.data.slice(clip * 60, clip * 60 + 20)]),
    shape: [time + 10, 2],
  }))
  const rest = batch(longer)
  const after = await model.forecast(rest.clips, { lengths: rest.lengths, steps: 20 })
  for (const clip of [0, 1]) {
    for (let at = 0; at < 40; at++) close(t, after.data[clip * 40 + at]!, long.data[clip * 60 + 20 + at]!)
  }
})

test('the same clip and seed give the same draws in any batch', async (t) => {
  await using model = await create({ ...RECURSIVE, loss: 'bce' })
  const sample = { seed: 5, temperature: 0.8 }
  const alone = await model.forecast({ data: wave(6, 3).data, shape: [1, 6, 2] }, { steps: 40, sample })
  t.deepEqual(new Set(alone.data), new Set([0, 1]))
  const { clips, lengths } = batch([wave(11, 1), wave(6, 3), wave(2, 8)])
  const together = await model.forecast(clips, { lengths, steps: 40, sample })
  t.deepEqual(together.data.slice(80, 160), alone.data)
  const others = await model.forecast(clips, { lengths, steps: 40, sample: { seed: 6n } })
  t.notDeepEqual(others.data, together.data)
})

test('binary steps: likelihoods, which choose the best epoch, stop early and steer the rate', async (t) => {
  // Which of two keys sounds follows from the two steps before.
  const rolls = Array.from({ length: 60 }, (_, index): Sample => {
    const keys = Array.from({ length: 12 }, (__, step) => Number(((step >> 1) + index) % 2 === 0))
    return { input: { data: Float32Array.from(keys.flatMap((key) => [key, 1 - key])), shape: [12, 2] } }
  })
  await using model = await create({ kind: 'forecast', horizon: 1, mode: 'recursive', loss: 'bce' })
  const schedule = reduceOnPlateau({ metric: 'nll', patience: 5 })
  const history = await fit(model, {
    train: new DataLoader(rolls, { batchSize: 20, shuffle: true, seed: 0 }),
    validation: new DataLoader(rolls),
    epochs: 40,
    optimizer: new Adam(model, { learningRate: 2e-2, schedule }),
    best: 'nll',
    earlyStopping: { metric: 'mase', patience: 40 },
  })
  const result = await evaluate(model, new DataLoader(rolls))
  t.true(result.nll! < 0.5 * 2 * Math.LN2, JSON.stringify(result)) //    all that chance is sure of is 2 ln 2
  close(t, result.nll!, 2 * result.loss)
  const best = Math.min(...history.map(({ validation }) => validation!.nll!))
  close(t, result.nll!, best)
  t.true(history.every(({ train: { nll, loss } }) => Math.abs(nll! - 2 * loss) < 1e-9))
  t.is(result.byStep[0]!.nll !== undefined, true)
})

test('frames are forecast as frames of their own size', async (t) => {
  const input = { channels: 1, height: 9, width: 7 } as const
  for (const mode of ['direct', 'recursive'] as const) {
    await using model = await CnnLstm.create({
      input,
      cnn: [
        { outChannels: 4, norm: 'batch' },
        { outChannels: 4, stride: 2, maxPool: null },
      ],
      lstm: { hiddenSize: 16 },
      head: { kind: 'forecast', horizon: 2, mode, loss: 'bce' },
      device: 'cpu',
      seed: 0,
    })
    // A bright column that moves by one to the right with each frame.
    const samples = Array.from({ length: 14 }, (_, index): Sample => {
      const data = Uint8Array.from({ length: 6 * 63 }, (__, at) =>
        at % 7 === (Math.floor(at / 63) + index) % 7 ? 255 : 0,
      )
      return { input: { data, shape: [6, 1, 9, 7] } }
    })
    const loader = new DataLoader(samples, { batchSize: 7, shuffle: true, seed: 0 })
    await fit(model, { train: loader, epochs: 200, optimizer: new Adam(model, { learningRate: 1e-2 }) })
    const result = await evaluate(model, loader)
    t.true(result.rmse < result.persistence.rmse / 2, `${mode} ${JSON.stringify(result)}`)
    const clips = { data: samples[0]!.input.data, shape: [1, 6, 1, 9, 7] }
    t.deepEqual((await model.forecast(clips)).shape, [1, 2, 1, 9, 7])
    t.deepEqual((await model.predict(clips))[0]!.steps.shape, [2, 1, 9, 7])
    t.regex(model.summary({ print: () => undefined }), /decoder\.deconv1 \(ConvTranspose2d\)/)
    const names = [...(await model.stateDict()).keys()]
    t.true(
      ['fc.weight', 'decoder.deconv2.weight', 'decoder.norm2.running_mean'].every(
        (name) => names.includes(name) || name.includes('norm'),
      ),
    )
    t.deepEqual(
      await model.freeze('decoder'),
      names.filter((name) => /^decoder\.\w+\.(weight|bias)$/.test(name)),
    )
  }
})

test('an audit looks at forecasts', async (t) => {
  await using model = await create(RECURSIVE)
  const findings = await audit(model, new DataLoader(waves, { batchSize: 20 }))
  t.false(
    findings.some(({ level }) => level === 'error'),
    JSON.stringify(findings),
  )
})

test('what is no forecast is refused', async (t) => {
  await using model = await create(DIRECT)
  const clips = { data: wave(9, 1).data, shape: [1, 9, 2] }
  await refuses(t, RangeError, /at most 4, the horizon.*`steps`, received 5/, () => model.forecast(clips, { steps: 5 }))
  await refuses(t, RangeError, /positive integer for `steps`, received 0/, () => model.forecast(clips, { steps: 0 }))
  await refuses(t, RangeError, /`loss: 'bce'` for `sample`/, () => model.forecast(clips, { sample: { seed: 1 } }))
  await refuses(t, TypeError, /Unknown option `stepz`/, () => model.forecast(clips, untyped({ stepz: 1 })))
  await refuses(t, TypeError, /AbortSignal for `signal`/, () => model.forecast(clips, untyped({ signal: 1 })))
  await using binary = await create({ ...RECURSIVE, loss: 'bce' })
  const draws = (sample: unknown) => () => binary.forecast(clips, { sample: untyped(sample) })
  await refuses(t, RangeError, /above 0 for `sample.temperature`, received 0/, draws({ seed: 1, temperature: 0 }))
  await refuses(t, TypeError, /for `sample.seed`, received undefined/, draws({}))
  await using other = await CnnLstm.create({ ...COMMON, numClasses: 2 })
  await refuses(t, TypeError, /a forecast head.*received one with a classification head/, () =>
    untyped<Forecaster>(other).forecast(clips),
  )
  const head = (options: object) => () => CnnLstm.create(untyped<never>({ ...COMMON, head: { ...DIRECT, ...options } }))
  await refuses(t, RangeError, /`head.features\[1\]`, received 0/, head({ features: [0, 0] }))
  await refuses(t, RangeError, /from 0 to 1 for `head.features\[0\]`, received 2/, head({ features: [2] }))
  await refuses(t, RangeError, /feeds every feature back/, head({ features: [0], mode: 'recursive' }))
  await refuses(t, TypeError, /`head.horizon`, received undefined/, head({ horizon: undefined }))
  const recursive = (options: object) => () =>
    CnnLstm.create(untyped<never>({ ...COMMON, head: RECURSIVE, ...options }))
  await refuses(t, RangeError, /`lstm.bidirectional`, received true/, recursive({ lstm: { bidirectional: true } }))
  await refuses(
    t,
    RangeError,
    /`cnn\[1\].kernelSize`/,
    recursive({ cnn: [{ outChannels: 2, kernelSize: 1 }, { outChannels: 2 }] }),
  )
  await refuses(t, RangeError, /no `pooling` with a recursive forecast head/, recursive({ pooling: 'mean' }))
  await refuses(t, RangeError, /a metric of this head.*mae, rmse, mase/, () =>
    fit(model, {
      train: new DataLoader(waves),
      validation: new DataLoader(waves),
      epochs: 1,
      optimizer: new Adam(model),
      best: 'nll',
    }),
  )
})

test('data that cannot be forecast is refused by its index', async (t) => {
  await using model = await create({ ...DIRECT, loss: 'bce' })
  const optimizer = new Adam(model)
  const learnOn = (samples: readonly Sample[]) => () =>
    train(model, new DataLoader(samples, { batchSize: 3, shuffle: true, seed: 1 }), { optimizer })
  const short = await failsWith(t, 'ERR_DATA', learnOn([...waves.slice(0, 8), { input: wave(4, 1) }]))
  t.regex(short.message, /at least 5 valid steps.*received one of 4 \(sample at index 8\)/)
  const large = wave(9, 1)
  large.data[5] = 1.5
  const wrong = await failsWith(t, 'ERR_DATA', learnOn([...waves.slice(0, 8), { input: large }]))
  t.regex(wrong.message, /from 0 to 1.*\(sample at index 8\)/)
  const mixed = await failsWith(t, 'ERR_DATA', learnOn([waves[0]!, { ...waves[1]!, target: 1 }]))
  t.regex(mixed.message, /of every sample or of none/)
  const flat = { data: new Float32Array(HORIZON), shape: [HORIZON, 1] }
  await failsWith(t, 'ERR_SHAPE_MISMATCH', learnOn([{ ...waves[0]!, target: flat }]))
  await using classes = await CnnLstm.create({ ...COMMON, numClasses: 2 })
  const none = await failsWith(t, 'ERR_DATA', () =>
    train(classes, new DataLoader(waves), { optimizer: new Adam(classes) }),
  )
  t.regex(none.message, /Expected targets with the inputs/)
})

test('a forecast ends with its signal, and the model goes on', async (t) => {
  await using model = await create(RECURSIVE)
  const clips = { data: wave(9, 1).data, shape: [1, 9, 2] }
  const stop = new AbortController()
  const reason = new Error('enough')
  const running = model.forecast(clips, { steps: 1_000_000, signal: stop.signal })
  stop.abort(reason)
  t.is(await t.throwsAsync(running), reason)
  t.deepEqual((await model.forecast(clips, { steps: 2 })).shape, [1, 2, 2])
  await model.dispose()
  await failsWith(t, 'ERR_DISPOSED', () => model.forecast(clips))
})

function cut({ data, shape: [, features = 0] }: NdArray, time: number): NdArray {
  return { data: data.slice(0, time * features), shape: [time, features] }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function close(t: { true: (is: boolean, message?: string) => void }, found: number, expected: number): void {
  t.true(Math.abs(found - expected) < 1e-4 * Math.max(1, Math.abs(expected)), `${found}, not ${expected}`)
}
