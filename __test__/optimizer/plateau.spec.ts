import test from 'ava'
import { CnnLstm, DataLoader, Sgd, TensorDataset, fit, reduceOnPlateau, warmup } from 'zoetrope'
import { refuses } from '../helpers/expect'
import { movingDotLoader, movingDots, noise, toyModel } from '../helpers/toy'
import type { EpochRecord, FitOptions, MetricName, Schedule } from 'zoetrope'

const ratesAfter = (values: readonly number[], schedule: Schedule): number[] =>
  values.map((_, epoch) => schedule(0, 1, { totalSteps: undefined, metric: () => values.slice(0, epoch + 1) }))

test('a metric that is NaN has not improved, as in PyTorch', (t) => {
  // `num_bad_epochs` of ReduceLROnPlateau counts it: a comparison with NaN is false.
  const halve = (): Schedule => reduceOnPlateau({ patience: 1, factor: 0.5, threshold: 0 })
  t.deepEqual(ratesAfter([NaN, NaN, NaN, NaN], halve()), [1, 0.5, 0.5, 0.25])
  t.deepEqual(ratesAfter([3, NaN, 2, NaN, NaN, 1], halve()), [1, 1, 1, 1, 0.5, 0.5])
  t.deepEqual(ratesAfter([NaN, 3, 3, 3], halve()), [1, 1, 1, 0.5])
  for (const options of [{ mode: 'max' }, { thresholdMode: 'abs' }, { mode: 'max', thresholdMode: 'abs' }] as const)
    t.deepEqual(ratesAfter([NaN, NaN], reduceOnPlateau({ patience: 0, factor: 0.5, ...options })), [0.5, 0.25])
})

test('epochs without a value of the metric do not end a run', async (t) => {
  const left = movingDots(64)
  const oneClass = left.targets.map(() => 1)
  const broken = { ...noise([16, 6, 1, 8, 8]), targets: left.targets.slice(0, 16) }
  broken.data[3] = NaN
  const cases: [MetricName, DataLoader][] = [
    ['auc', new DataLoader(new TensorDataset({ inputs: left.inputs, targets: oneClass }))],
    ['loss', new DataLoader(new TensorDataset({ inputs: broken, targets: broken.targets }))],
  ]
  for (const [metric, validation] of cases) {
    await using model = await toyModel()
    const rates: number[] = []
    const schedule = reduceOnPlateau({ metric, patience: 0, factor: 0.5 })
    const history = await fit(model, {
      train: movingDotLoader(16),
      validation,
      epochs: 3,
      auc: metric === 'auc',
      optimizer: new Sgd(model, { learningRate: 0.4, schedule }),
      onBatch: ({ learningRate }) => rates.push(learningRate),
      best: metric,
      earlyStopping: { metric, patience: 5 },
    })
    t.deepEqual(
      history.map((record: EpochRecord) => record.validation![metric as 'auc' | 'loss']),
      [NaN, NaN, NaN],
    )
    t.deepEqual(rates, [0.4, 0.2, 0.1])
  }
})

test('a metric that the epochs will not have is refused before the first step', async (t) => {
  await using model = await toyModel()
  await using regression = await CnnLstm.create({ input: { features: 2 }, head: 'regression', device: 'cpu' })
  const call = (metric: string, changes: Partial<FitOptions> = {}, of: CnnLstm = model) => {
    const schedule: Schedule = (step, rate, run) => rate * (run.metric(metric as MetricName).length + step + 1)
    const optimizer = new Sgd(of, { schedule })
    const onBatch = (): void => t.fail('no step is made')
    return async () => fit(of, { train: movingDotLoader(16), epochs: 2, optimizer, onBatch, audit: false, ...changes })
  }
  const validation = movingDotLoader(16)
  await refuses(
    t,
    RangeError,
    /without validation data \(loss, accuracy\) for `schedule's metric`, received 'auc'$/,
    call('auc'),
  )
  await refuses(t, RangeError, /^Expected `auc: true` with a schedule by 'auc'/, call('auc', { validation }))
  await refuses(t, RangeError, /^Expected `auc: true` with a schedule by 'auc'/, call('auc', { validation: 0.5 }))
  await refuses(t, RangeError, /^Expected a metric of this head .* received 'mae'$/, call('mae', { validation }))
  await refuses(t, RangeError, /top2 … top2\) for `schedule's metric`, received 'top3'$/, call('top3', { validation }))
  await refuses(t, RangeError, /^Expected the name of a metric .* received 'lost'$/, call('lost'))
  const mae = call('accuracy', {}, regression as unknown as CnnLstm)
  await refuses(t, RangeError, /^Expected a metric of this head .*mae.* received 'accuracy'$/, mae)
})

test('behind a warm-up it follows the same epochs', async (t) => {
  await using model = await toyModel()
  const rates: number[] = []
  const inner = reduceOnPlateau({ patience: 0, factor: 0.5, threshold: 1e6, thresholdMode: 'abs' })
  await fit(model, {
    train: movingDotLoader(16),
    epochs: 4,
    optimizer: new Sgd(model, { learningRate: 0.4, schedule: warmup(2, inner, { startFactor: 0.5 }) }),
    onBatch: ({ learningRate }) => rates.push(learningRate),
  })
  t.deepEqual(
    rates.map((rate) => Number(rate.toFixed(6))),
    [0.2, 0.3, 0.2, 0.1],
  )
})
