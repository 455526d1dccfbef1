import { runInNewContext } from 'node:vm'
import test from 'ava'
import { Adam, DataLoader, RMSprop, Sgd, fit, train } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { bytesOf } from '../helpers/weights'
import { movingDotLoader, toyModel } from '../helpers/toy'
import type { AdamOptions, FitOptions, LossOptions, TrainOptions } from 'zoetrope'

/** An object whose every property is right the first time it is read, and `later` from then on. */
function fickle<T extends object>(right: T, later: unknown): T {
  const seen = new Set<PropertyKey>()
  return new Proxy(right, {
    get: (target, key, receiver): unknown => {
      const value: unknown = Reflect.get(target, key, receiver)
      if (typeof key === 'symbol' || typeof value === 'function') return value
      if (seen.has(key) && key !== 'length') return later
      seen.add(key)
      return value
    },
  })
}

test('an option is read once, and what was checked is what is used', async (t) => {
  const learn = async (wrap: <T extends object>(options: T) => T): Promise<string> => {
    await using model = await toyModel()
    const groups = wrap([wrap({ prefix: 'cnn.', learningRate: 0.1, betas: wrap([0.5, 0.9]) })])
    const given = { learningRate: 0.01, betas: wrap([0.8, 0.99]), eps: 1e-6, weightDecay: 0.1, groups }
    const optimizer = new Adam(model, wrap(untyped<AdamOptions>(given)))
    const loss = (): LossOptions => wrap({ labelSmoothing: 0.1, classWeights: wrap([1, 3]) })
    const epoch = { optimizer, clipNorm: 1, clipValue: 0.5, accumulate: 2, reportEvery: 3, progress: false }
    await train(model, movingDotLoader(48), wrap({ ...epoch, loss: loss() }))
    const ema = wrap({ decay: 0.9 })
    const earlyStopping = wrap({ patience: 2, minDelta: 0.1, metric: 'loss' as const })
    await fit(
      model,
      wrap({
        ...epoch,
        loss: loss(),
        train: movingDotLoader(48),
        epochs: 2,
        ema,
        earlyStopping,
        best: 'loss' as const,
      }),
    )
    return await bytesOf(model)
  }
  const plain = await learn((options) => options)
  for (const later of ['text', NaN, null, -1]) t.is(await learn((options) => fickle(options, later)), plain)
})

test('arrays of another realm are as good as our own', async (t) => {
  const learn = async (betas: unknown, groups: unknown, weights: readonly unknown[]): Promise<string> => {
    await using model = await toyModel()
    const optimizer = new Adam(model, untyped<AdamOptions>({ betas, groups }))
    for (const classWeights of weights)
      await train(model, movingDotLoader(32), { optimizer, loss: untyped<LossOptions>({ classWeights }) })
    return await bytesOf(model)
  }
  const foreign = (source: string): unknown => runInNewContext(source)
  const own = [[1, 3], Float32Array.of(1, 3), Float64Array.of(1, 3)]
  const others = ['[1, 3]', 'Float32Array.of(1, 3)', 'Float64Array.of(1, 3)'].map(foreign)
  t.is(
    await learn(foreign('[0.8, 0.99]'), foreign("[{ prefix: 'cnn.', learningRate: 0.1 }]"), others),
    await learn([0.8, 0.99], [{ prefix: 'cnn.', learningRate: 0.1 }], own),
  )
})

test('null is no default, in any option of an optimizer, of train or of fit', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model)
  const hyper = ['learningRate', 'weightDecay', 'groups', 'schedule']
  for (const value of [null, false, '']) {
    for (const name of [...hyper, 'betas', 'eps'])
      await refuses(t, TypeError, new RegExp(`for \`${name}\``), () => new Adam(model, untyped({ [name]: value })))
    for (const name of [...hyper, 'momentum'])
      await refuses(t, TypeError, new RegExp(`for \`${name}\``), () => new Sgd(model, untyped({ [name]: value })))
    for (const name of [...hyper, 'alpha', 'eps', 'momentum'])
      await refuses(t, TypeError, new RegExp(`for \`${name}\``), () => new RMSprop(model, untyped({ [name]: value })))
    for (const name of ['loss', 'clipNorm', 'clipValue', 'accumulate', 'signal', 'onBatch', 'reportEvery'])
      await refuses(t, TypeError, new RegExp(`for \`${name}\``), async () =>
        train(model, movingDotLoader(16), untyped<TrainOptions>({ optimizer, [name]: value })),
      )
    for (const name of ['validation', 'epochs', 'initialEpoch', 'history', 'earlyStopping', 'ema', 'onEpoch', 'signal'])
      await refuses(t, TypeError, new RegExp(`for \`${name}\``), () =>
        fit(model, untyped<FitOptions>({ train: movingDotLoader(16), epochs: 1, optimizer, [name]: value })),
      )
    for (const [name, key] of [
      ['loss', 'labelSmoothing'],
      ['loss', 'classWeights'],
      ['earlyStopping', 'patience'],
      ['earlyStopping', 'minDelta'],
      ['ema', 'decay'],
    ] as const)
      await refuses(t, TypeError, new RegExp(`for \`${name}.${key}\``), () =>
        fit(model, untyped<FitOptions>({ train: movingDotLoader(16), epochs: 1, optimizer, [name]: { [key]: value } })),
      )
  }
  for (const name of ['audit', 'auc', 'progress', 'best'])
    await refuses(t, TypeError, new RegExp(`for \`${name}\`, received null$`), () =>
      fit(model, untyped<FitOptions>({ train: movingDotLoader(16), epochs: 1, optimizer, [name]: null })),
    )
})

test('what only looks like a loader, an optimizer or a signal is refused', async (t) => {
  await using model = await toyModel()
  const [loader, optimizer] = [movingDotLoader(16), new Sgd(model)]
  const call = (changes: object) => () =>
    fit(model, untyped<FitOptions>({ train: loader, epochs: 1, optimizer, ...changes }))
  for (const wrong of [new Proxy(loader, {}), Object.create(loader), Object.create(DataLoader.prototype)]) {
    await refuses(t, TypeError, /^Expected a DataLoader for `train`/, call({ train: wrong }))
    await refuses(
      t,
      TypeError,
      /^Expected a DataLoader or a share of the data for `validation`/,
      call({ validation: wrong }),
    )
  }
  for (const wrong of [new Proxy(optimizer, {}), Object.create(optimizer)])
    await refuses(t, TypeError, /for `optimizer`/, call({ optimizer: wrong }))
  await refuses(t, TypeError, /for `signal`/, call({ signal: { aborted: false, addEventListener: () => undefined } }))
})

test('groups with holes, and weights that float32 does not hold, are refused', async (t) => {
  await using model = await toyModel()
  const holes: unknown[] = [{ prefix: 'cnn.' }]
  holes[2] = { prefix: 'fc.' }
  await refuses(
    t,
    TypeError,
    /for `groups\[1\]`, received undefined$/,
    () => new Sgd(model, untyped({ groups: holes })),
  )
  const weigh = (classWeights: number[]) => async () =>
    train(model, movingDotLoader(16), { optimizer: new Sgd(model), loss: { classWeights } satisfies LossOptions })
  await refuses(t, RangeError, /float32 holds for `loss.classWeights\[0\]`, received 1e\+308$/, weigh([1e308, 1]))
  await refuses(t, RangeError, /^Expected a weight above 0 for `loss.classWeights`/, weigh([1e-320, 0]))
})
