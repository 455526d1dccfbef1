import test from 'ava'
import { Adam, AdamW, DataLoader, RMSprop, Sgd, TensorDataset, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDotLoader, movingDots, toyModel } from '../helpers/toy'
import type { AdamOptions, CnnLstm, Optimizer, SgdOptions, TrainOptions } from 'zoetrope'

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
    /^Unknown option `lr`; known options are learningRate, betas, eps, weightDecay, groups, schedule$/,
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

const bytesOf = async (model: CnnLstm, name: string) => (await model.stateDict()).get(name)!.data

test("the defaults are PyTorch's", async (t) => {
  await using model = await toyModel()
  t.is(new AdamW(model).learningRate, 1e-3)
  t.is(new RMSprop(model).learningRate, 1e-2)
  const after = async (make: (model: CnnLstm) => Optimizer): Promise<Float32Array> => {
    await using fresh = await toyModel()
    await train(fresh, movingDotLoader(48), { optimizer: make(fresh) })
    return await weights(fresh)
  }
  const decayed = await after((fresh) => new AdamW(fresh))
  t.deepEqual(decayed, await after((fresh) => new AdamW(fresh, { weightDecay: 0.01 })))
  t.notDeepEqual(decayed, await after((fresh) => new Adam(fresh)))
  t.deepEqual(
    await after((fresh) => new RMSprop(fresh)),
    await after((fresh) => new RMSprop(fresh, { alpha: 0.99, eps: 1e-8, momentum: 0, centered: false })),
  )
})

test('a group holds for the parameters that its prefix begins, the longest prefix first', async (t) => {
  await using model = await toyModel()
  const before = await model.stateDict()
  const groups = [
    { prefix: 'cnn.', learningRate: 0 },
    { prefix: 'cnn.conv1.bias', learningRate: 0.1 },
    { prefix: 'fc.', learningRate: 0 },
  ]
  await train(model, movingDotLoader(32), { optimizer: new Sgd(model, { learningRate: 0.1, groups }) })
  for (const [name, { data }] of await model.stateDict()) {
    const isStill = name === 'cnn.conv1.weight' || name.startsWith('fc.')
    t.is(Buffer.compare(bytes(data), bytes(before.get(name)!.data)) === 0, isStill, name)
  }
})

test('a prefix that ends in a number holds for that number only', async (t) => {
  const block = { outChannels: 2, kernelSize: 1, padding: 0, activation: 'none', maxPool: null } as const
  await using model = await toyModel({ cnn: Array.from({ length: 10 }, () => block) })
  const before = await model.stateDict()
  const groups = [{ prefix: 'cnn.conv1', learningRate: 0 }]
  await train(model, movingDotLoader(32), { optimizer: new Sgd(model, { learningRate: 0.1, groups }) })
  const after = await model.stateDict()
  const isStill = (name: string) => Buffer.compare(bytes(after.get(name)!.data), bytes(before.get(name)!.data)) === 0
  t.deepEqual([isStill('cnn.conv1.bias'), isStill('cnn.conv10.bias')], [true, false])
})

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength)

test('a group that no parameter is in is refused with the prefixes there are', async (t) => {
  await using model = await toyModel()
  const sgd = (groups: unknown) => () => new Sgd(model, untyped<SgdOptions>({ groups }))
  await refuses(
    t,
    RangeError,
    /^Expected the beginning of a parameter's name \(cnn\., cnn\.conv1\., fc\., lstm\., lstm\.lstm\.\) for `groups\[0\]\.prefix`, received 'encoder\.'$/,
    sgd([{ prefix: 'encoder.' }]),
  )
  await refuses(t, TypeError, /^Expected an array of groups for `groups`/, sgd({ prefix: 'cnn.' }))
  await refuses(t, TypeError, /^Unknown option `groups\[0\]\.betas`/, sgd([{ prefix: 'cnn.', betas: [0.9, 0.9] }]))
  await refuses(
    t,
    RangeError,
    /for `groups\[1\]\.momentum`, received -1$/,
    sgd([{ prefix: 'cnn.' }, { prefix: 'fc.', momentum: -1 }]),
  )
  await refuses(
    t,
    RangeError,
    /^Expected a prefix that no other group has/,
    sgd([{ prefix: 'fc.' }, { prefix: 'fc.' }]),
  )
})

test('accumulated batches of any sizes are one large batch', async (t) => {
  const trained = async (
    batchSize: number,
    changes: Partial<TrainOptions>,
  ): Promise<Map<string, { data: Float32Array }>> => {
    await using model = await toyModel()
    const loader = new DataLoader(new TensorDataset(movingDots(44)), { batchSize })
    const optimizer = new Sgd(model, { learningRate: 0.1, momentum: 0.9 })
    const { steps } = await train(model, loader, { optimizer, ...changes })
    t.is(steps, 3)
    t.is(optimizer.steps, 3)
    return new Map(await model.stateDict())
  }
  const whole = await trained(18, {}) //                            18, 18, 8
  const parts = await trained(6, { accumulate: 3 }) //              6 6 6, 6 6 6, 6 2
  for (const [name, { data }] of whole) {
    const other = parts.get(name)!.data
    t.true(
      data.every((value, index) => Math.abs(value - other[index]!) <= 2e-6),
      name,
    )
  }
})

test('clipNorm bounds the step, reports the norm before clipping, and is checked', async (t) => {
  await using model = await toyModel()
  const before = await bytesOf(model, 'fc.weight')
  const norms: (number | undefined)[] = []
  const optimizer = new Sgd(model, { learningRate: 1 })
  await train(model, movingDotLoader(16), {
    optimizer,
    clipNorm: 1e-3,
    onBatch: ({ gradientNorm }) => norms.push(gradientNorm),
  })
  t.true(norms[0]! > 1e-2)
  const after = await bytesOf(model, 'fc.weight')
  t.true(Math.hypot(...after.map((value, index) => value - before[index]!)) <= 1.001e-3)
  const call = (changes: object) => async () =>
    train(model, movingDotLoader(16), untyped<TrainOptions>({ optimizer, ...changes }))
  await refuses(t, RangeError, /^Expected a finite number above 0 for `clipNorm`, received 0$/, call({ clipNorm: 0 }))
  await refuses(t, RangeError, /for `clipValue`, received NaN$/, call({ clipValue: NaN }))
  await refuses(t, RangeError, /^Expected a positive integer for `accumulate`, received 0$/, call({ accumulate: 0 }))
})

test('clipValue bounds every element of the step', async (t) => {
  await using model = await toyModel()
  const before = await bytesOf(model, 'fc.weight')
  await train(model, movingDotLoader(16), { optimizer: new Sgd(model, { learningRate: 1 }), clipValue: 1e-3 })
  const after = await bytesOf(model, 'fc.weight')
  t.true(after.every((value, index) => Math.abs(value - before[index]!) <= 1.001e-3))
})
