import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Adam, DataLoader, Sgd, TensorDataset, fit, reduceOnPlateau, test as testModel, cosine } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { bytesOf } from '../helpers/weights'
import { movingDotLoader, movingDotSamples, movingDots, toyModel } from '../helpers/toy'
import type { CnnLstm, EpochRecord, FitOptions, ReduceOnPlateauOptions, Sample } from 'zoetrope'

/** A learning rate at which the loss goes up and down. */
const wild = (model: CnnLstm, changes: Partial<FitOptions> = {}): FitOptions => ({
  train: movingDotLoader(64, { shuffle: true }),
  validation: movingDotLoader(48, {}, 2),
  epochs: 8,
  optimizer: new Sgd(model, { learningRate: 2, momentum: 0.5 }),
  ...changes,
})

test("the best epoch's weights are in the model at the end, by whatever metric", async (t) => {
  for (const best of ['loss', 'accuracy', 'macroF1', 'balancedAccuracy'] as const) {
    await using model = await toyModel()
    const seen: string[] = []
    const options = wild(model, { best, onEpoch: async () => seen.push(await bytesOf(model)) })
    const history = await fit(model, options)
    const values = history.map(({ validation }) => validation![best]! * (best === 'loss' ? -1 : 1))
    const index = values.indexOf(Math.max(...values))
    t.is(await bytesOf(model), seen[index]!, best)
    const { loss } = await testModel(model, movingDotLoader(48, {}, 2))
    t.is(loss, history[index]!.validation!.loss)
  }
})

test('abort, an error, and leaving the loop restore the best weights too; then training goes on', async (t) => {
  const ends: ((model: CnnLstm, seen: string[], history: EpochRecord[]) => Promise<unknown>)[] = [
    async (model, seen, history) => {
      const controller = new AbortController()
      const onEpoch = async (record: EpochRecord) => {
        history.push(record)
        seen.push(await bytesOf(model))
      }
      const onBatch = () => history.length === 5 && controller.abort('enough')
      const error: unknown = await fit(
        model,
        wild(model, { best: 'loss', onEpoch, onBatch, signal: controller.signal }),
      ).catch((reason: unknown) => reason)
      t.is(error, 'enough')
    },
    async (model, seen, history) => {
      const onEpoch = async (record: EpochRecord) => {
        if (record.epoch === 6) throw new Error('own')
        history.push(record)
        seen.push(await bytesOf(model))
      }
      await t.throwsAsync(async () => fit(model, wild(model, { best: 'loss', onEpoch })), { message: 'own' })
    },
    async (model, seen, history) => {
      for await (const record of fit(model, wild(model, { best: 'loss' }))) {
        history.push(record)
        seen.push(await bytesOf(model))
        if (record.epoch === 5) break
      }
    },
  ]
  for (const end of ends) {
    await using model = await toyModel()
    const [seen, history]: [string[], EpochRecord[]] = [[], []]
    await end(model, seen, history)
    const now = await bytesOf(model)
    const { loss } = await testModel(model, movingDotLoader(48, {}, 2))
    t.true(loss <= Math.min(...history.map(({ validation }) => validation!.loss)))
    t.true(seen.includes(now) || loss < Math.min(...history.map(({ validation }) => validation!.loss)))
    t.is((await fit(model, wild(model, { epochs: 1 }))).length, 1)
  }
})

test('early stopping ends the run after so many epochs without improvement, with the best weights', async (t) => {
  await using model = await toyModel()
  const seen: string[] = []
  const history = await fit(
    model,
    wild(model, { epochs: 60, earlyStopping: { patience: 3 }, onEpoch: async () => seen.push(await bytesOf(model)) }),
  )
  t.true(history.length < 60)
  const losses = history.map(({ validation }) => validation!.loss)
  const best = losses.indexOf(Math.min(...losses))
  t.is(history.length, best + 1 + 3)
  t.is(await bytesOf(model), seen[best]!)
  const never = await fit(model, wild(model, { epochs: 60, earlyStopping: { patience: 2, minDelta: 1e9 } }))
  t.is(never.length, 3)
})

test('a share for validation is never trained on, is stratified, and depends on the seed alone', async (t) => {
  const samples = movingDotSamples(60)
  const run = async (seed: number): Promise<number[]> => {
    await using model = await toyModel()
    const asked: number[] = []
    const get = (index: number): Sample => {
      asked.push(index)
      return samples[index]!
    }
    const train = new DataLoader({ length: 60, get }, { batchSize: 8, shuffle: true, seed })
    const history = await fit(model, { train, validation: 0.25, epochs: 2, optimizer: new Adam(model), audit: false })
    t.deepEqual(
      history.map((record) => [record.train.samples, record.validation!.samples]),
      [
        [45, 15],
        [45, 15],
      ],
    )
    const sorted = (from: number, to: number) => asked.slice(from, to).toSorted((left, right) => left - right)
    const [trained, tested] = [sorted(60, 105), sorted(105, 120)] //        the first 60 readings are the split's
    t.deepEqual(
      [...trained, ...tested].toSorted((left, right) => left - right),
      sorted(0, 60),
    )
    t.deepEqual([sorted(120, 165), sorted(165, 180)], [trained, tested])
    t.notDeepEqual(asked.slice(60, 105), asked.slice(120, 165), 'each epoch has its own order')
    for (const target of [0, 1]) {
      const all = samples.filter((sample) => sample.target === target).length
      const share = tested.filter((index) => samples[index]!.target === target).length
      t.true(Math.abs(share - all / 4) <= 1)
    }
    return tested
  }
  const first = await run(1)
  t.deepEqual(await run(1), first)
  t.notDeepEqual(await run(2), first)
})

test('ema: the model has the averages in validation, onEpoch and at the end, and trains its own weights', async (t) => {
  const losses = async (
    decay: number | undefined,
  ): Promise<{ train: number[]; validation: number[]; end: string; last: string }> => {
    await using model = await toyModel()
    let last = ''
    const history = await fit(model, {
      train: movingDotLoader(64, { shuffle: true }),
      validation: movingDotLoader(48, {}, 2),
      epochs: 3,
      optimizer: new Adam(model, { learningRate: 0.02 }),
      onEpoch: async () => (last = await bytesOf(model)),
      ...(decay !== undefined && { ema: { decay } }),
    })
    return {
      train: history.map(({ train }) => train.loss),
      validation: history.map(({ validation }) => validation!.loss),
      end: await bytesOf(model),
      last,
    }
  }
  const [plain, none, half] = [await losses(undefined), await losses(0), await losses(0.9)]
  t.deepEqual(half.train, plain.train, 'training is not changed by averaging')
  t.deepEqual(none, plain, 'a decay of 0 is the weights themselves')
  t.notDeepEqual(half.validation, plain.validation)
  t.is(half.end, half.last)
  t.not(half.end, plain.end)
})

test("reduceOnPlateau gives PyTorch's rates, and follows the epochs of fit", async (t) => {
  interface Case {
    readonly schedule: readonly [string, ReduceOnPlateauOptions]
    readonly base: number
    readonly values: readonly number[]
    readonly rates: readonly number[]
  }
  const file = join(process.cwd(), 'crates/zoetrope-core/tests/training_fixtures/schedules.json')
  const all: readonly Case[] = JSON.parse(readFileSync(file, 'utf8'))
  const cases = all.filter(({ schedule: [kind] }) => kind === 'reduceOnPlateau')
  t.true(cases.length >= 5)
  for (const { schedule, base, values, rates } of cases) {
    const rateAt = reduceOnPlateau(schedule[1])
    for (const [epoch, expected] of rates.entries()) {
      const rate = rateAt(0, base, { totalSteps: undefined, metric: () => values.slice(0, epoch + 1) })
      t.true(Math.abs(rate - expected) <= 1e-12, `${JSON.stringify(schedule)} epoch ${epoch}: ${rate}, not ${expected}`)
    }
  }
  await using model = await toyModel()
  const rates: number[] = []
  const schedule = reduceOnPlateau({ patience: 0, threshold: 0.99, factor: 0.5 })
  await fit(model, {
    train: movingDotLoader(16),
    epochs: 3,
    optimizer: new Adam(model, { learningRate: 0.1, schedule }),
    onBatch: ({ learningRate }) => rates.push(learningRate),
  })
  t.deepEqual(rates, [0.1, 0.1, 0.05])
})

test('a schedule knows how long the run of fit is, and a run that is taken up again goes on in it', async (t) => {
  const rates = async (initialEpoch: number): Promise<number[]> => {
    await using model = await toyModel()
    const seen: number[] = []
    await fit(model, {
      train: movingDotLoader(48),
      epochs: 4,
      initialEpoch,
      optimizer: new Adam(model, { learningRate: 0.1, schedule: cosine() }),
      onBatch: ({ learningRate }) => seen.push(learningRate),
    })
    return seen
  }
  const all = await rates(0)
  t.is(all.length, 12)
  for (const [step, rate] of all.entries())
    t.true(Math.abs(rate - 0.05 * (1 + Math.cos((Math.PI * step) / 12))) < 1e-15)
  t.deepEqual(await rates(2), all.slice(6))
})

test('wrong options are refused', async (t) => {
  await using model = await toyModel()
  const call = (changes: object) => () => fit(model, untyped<FitOptions>({ ...wild(model), ...changes }))
  await refuses(t, RangeError, /for `validation`, received 1.5$/, call({ validation: 1.5 }))
  await refuses(t, RangeError, /^Expected a number in \(0, 1\) for `validation`, received 0$/, call({ validation: 0 }))
  await refuses(
    t,
    TypeError,
    /^Expected a DataLoader or a share of the data for `validation`/,
    call({ validation: 'x' }),
  )
  const stream = new DataLoader({
    *[Symbol.iterator]() {
      yield* movingDotSamples(4)
    },
  })
  await refuses(t, TypeError, /to split a share off for `train`/, call({ train: stream, validation: 0.5 }))
  await refuses(
    t,
    TypeError,
    /^Unknown option `earlyStopping.patients`; did you mean/,
    call({ earlyStopping: { patients: 1 } }),
  )
  await refuses(t, RangeError, /for `earlyStopping.patience`, received 0$/, call({ earlyStopping: { patience: 0 } }))
  await refuses(t, RangeError, /for `earlyStopping.minDelta`, received -1$/, call({ earlyStopping: { minDelta: -1 } }))
  await refuses(t, RangeError, /for `ema.decay`, received 1$/, call({ ema: { decay: 1 } }))
  await refuses(t, RangeError, /for `best`, received 'acc'$/, call({ best: 'acc' }))
  await refuses(
    t,
    RangeError,
    /^Expected a metric of this head \(loss, accuracy, macroF1, balancedAccuracy, auc, top2 … top2\) for `best`, received 'mae'$/,
    call({ best: 'mae' }),
  )
  await refuses(
    t,
    RangeError,
    /without validation data \(loss, accuracy\)/,
    call({ best: 'macroF1', validation: undefined }),
  )
  const loader = new DataLoader(new TensorDataset(movingDots(8)))
  t.is(loader.length, 1)
})
