import test from 'ava'
import { Adam, Sgd, train } from 'zoetrope'
import { failsWith, refuses, untyped } from './helpers/expect'
import { movingDotLoader, movingDots, toyModel } from './helpers/toy'
import type { AdamOptions, CnnLstm, SgdOptions } from 'zoetrope'

const weights = async (model: CnnLstm) => (await model.stateDict()).get('fc.weight')!.data

test('learningRate has a default, can be set, and is checked', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  t.is(optimizer.learningRate, 1e-3)
  t.is(new Sgd(model).learningRate, 1e-3)
  optimizer.learningRate = 0.5
  t.is(optimizer.learningRate, 0.5)
  for (const value of [NaN, -1, Infinity]) {
    await refuses(t, RangeError, /^Expected a finite number of at least 0 for `learningRate`, received/, () => {
      optimizer.learningRate = value
    })
  }
  await refuses(t, TypeError, /for `learningRate`, received '1'$/, () => {
    optimizer.learningRate = untyped('1')
  })
  t.is(optimizer.learningRate, 0.5)
})

test('a learning rate of 0 changes nothing, and setting it is obeyed', async (t) => {
  await using model = await toyModel()
  const before = await weights(model)
  const optimizer = new Sgd(model, { learningRate: 0 })
  await train(model, movingDotLoader(32), { optimizer })
  t.deepEqual(await weights(model), before)
  optimizer.learningRate = 0.1
  await train(model, movingDotLoader(32), { optimizer })
  t.notDeepEqual(await weights(model), before)
})

test('a learning rate set in onBatch of step k holds from step k + 2', async (t) => {
  const run = async (stopAfter: number, batches: number): Promise<Float32Array> => {
    await using model = await toyModel()
    const optimizer = new Sgd(model, { learningRate: 0.1 })
    await train(model, movingDotLoader(batches * 16), {
      optimizer,
      onBatch: ({ step }) => {
        if (step === stopAfter) optimizer.learningRate = 0
      },
    })
    return await weights(model)
  }
  const dots = movingDots(96)
  t.is(dots.targets.length, 96)
  t.deepEqual(await run(1, 6), await run(99, 2))
  t.deepEqual(await run(3, 6), await run(99, 4))
})

test('two optimizers of one model have a state each', async (t) => {
  const run = async (share: boolean): Promise<Float32Array> => {
    await using model = await toyModel()
    const one = new Adam(model, { learningRate: 0.01 })
    const two = share ? one : new Adam(model, { learningRate: 0.01 })
    for (const optimizer of [one, two]) await train(model, movingDotLoader(32), { optimizer })
    return await weights(model)
  }
  t.deepEqual(await run(true), await run(true))
  t.notDeepEqual(await run(true), await run(false))
})

test('momentum, Nesterov, weight decay, betas and eps all reach the model', async (t) => {
  const run = async (make: (model: CnnLstm) => Adam | Sgd): Promise<string> => {
    await using model = await toyModel()
    await train(model, movingDotLoader(64), { optimizer: make(model) })
    return (await weights(model)).join()
  }
  const runs = await Promise.all([
    run((model) => new Sgd(model, { learningRate: 0.1 })),
    run((model) => new Sgd(model, { learningRate: 0.1, momentum: 0.9 })),
    run((model) => new Sgd(model, { learningRate: 0.1, momentum: 0.9, nesterov: true })),
    run((model) => new Sgd(model, { learningRate: 0.1, weightDecay: 0.1 })),
    run((model) => new Adam(model)),
    run((model) => new Adam(model, { betas: [0.5, 0.999] })),
    run((model) => new Adam(model, { betas: [0.9, 0.9] })),
    run((model) => new Adam(model, { eps: 0.1 })),
    run((model) => new Adam(model, { weightDecay: 0.1 })),
  ])
  t.is(new Set(runs).size, runs.length)
})

test('wrong options are refused', async (t) => {
  await using model = await toyModel()
  const adam = (options: unknown) => () => new Adam(model, untyped<AdamOptions>(options))
  const sgd = (options: unknown) => () => new Sgd(model, untyped<SgdOptions>(options))
  await refuses(
    t,
    TypeError,
    /^Unknown option `learningrate`; did you mean `learningRate`\?$/,
    adam({ learningrate: 1 }),
  )
  await refuses(
    t,
    TypeError,
    /^Unknown option `lr`; known options are learningRate, betas, eps, weightDecay$/,
    adam({ lr: 1 }),
  )
  await refuses(t, TypeError, /^Unknown option `momentum`/, adam({ momentum: 0.9 }))
  await refuses(t, TypeError, /^Unknown option `betas`/, sgd({ betas: [0.9, 0.9] }))
  await refuses(t, TypeError, /^Expected an object for `options`, received null$/, adam(null))
  await refuses(t, RangeError, /for `learningRate`, received NaN$/, adam({ learningRate: NaN }))
  await refuses(t, TypeError, /for `betas`, received 0.9$/, adam({ betas: 0.9 }))
  await refuses(t, RangeError, /for `betas`, received \[0.9\]$/, adam({ betas: [0.9] }))
  await refuses(
    t,
    RangeError,
    /^Expected a number in \[0, 1\) for `betas\[1\]`, received 1$/,
    adam({ betas: [0.9, 1] }),
  )
  await refuses(t, RangeError, /for `betas\[0\]`, received NaN$/, adam({ betas: [NaN, 0.9] }))
  await refuses(t, RangeError, /for `eps`, received -1$/, adam({ eps: -1 }))
  await refuses(t, RangeError, /for `weightDecay`, received NaN$/, adam({ weightDecay: NaN }))
  await refuses(t, RangeError, /for `momentum`, received NaN$/, sgd({ momentum: NaN }))
  await refuses(t, TypeError, /for `nesterov`, received 'yes'$/, sgd({ nesterov: 'yes' }))
  await refuses(
    t,
    RangeError,
    /^Expected a number above 0 with nesterov for `momentum`, received 0$/,
    sgd({ nesterov: true }),
  )
})

test("another model's optimizer is refused", async (t) => {
  await using one = await toyModel()
  await using two = await toyModel()
  const optimizer = new Adam(one)
  await refuses(t, TypeError, /^Expected an optimizer of this model, not another's for `optimizer`/, async () =>
    train(two, movingDotLoader(16), { optimizer }),
  )
  await one.dispose()
  await failsWith(t, 'ERR_DISPOSED', async () => train(one, movingDotLoader(16), { optimizer }))
})
