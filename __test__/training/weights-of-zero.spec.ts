/** Classes that do not count, and figures of an epoch however it was cut. */
import test from 'ava'
import { Adam, CnnLstm, DataLoader, Sgd, TensorDataset, train } from 'zoetrope'
import { failsWith, refuses } from '../helpers/expect'
import { movingDotLoader, noise, toyModel } from '../helpers/toy'

const VECTORS = { input: { features: 2 }, lstm: { hiddenSize: 4 }, device: 'cpu', seed: 1 } as const
const BACKGROUND = { classWeights: [0, 1] }

test('a batch of nothing but classes of weight 0 adds nothing, and the epoch goes on', async (t) => {
  const dataset = new TensorDataset({ inputs: noise([6, 3, 2]), targets: [0, 0, 1, 0, 1, 1] })
  for (const accumulate of [1, 2, 3]) {
    await using model = await CnnLstm.create({ ...VECTORS, classes: ['background', 'gesture'] })
    const optimizer = new Adam(model)
    const result = await train(model, new DataLoader(dataset, { batchSize: 2 }), {
      optimizer,
      loss: BACKGROUND,
      accumulate,
    })
    t.true(result.loss > 0 && Number.isFinite(result.loss), `loss ${result.loss}`)
  }
})

test('an epoch of nothing else has the loss 0 and leaves the weights', async (t) => {
  const dataset = new TensorDataset({ inputs: noise([4, 3, 2]), targets: [0, 0, 0, 0] })
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 2 })
  const before = await model.stateDict()
  const { loss } = await train(model, new DataLoader(dataset, { batchSize: 2 }), {
    optimizer: new Adam(model),
    loss: BACKGROUND,
  })
  t.is(loss, 0)
  t.deepEqual(await model.stateDict(), before)
})

test('the weighted loss of an epoch does not depend on its batches', async (t) => {
  const targets = Array.from({ length: 23 }, (_, at) => (at * at) % 3)
  const dataset = new TensorDataset({ inputs: noise([23, 3, 2]), targets })
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 3 })
  const loss = { classWeights: [0, 1, 20], labelSmoothing: 0.1 }
  const losses = []
  for (const [batchSize, accumulate] of [
    [23, 1],
    [1, 1],
    [2, 3],
    [5, 2],
    [16, 1],
  ] as const) {
    const optimizer = new Sgd(model, { learningRate: 0 })
    losses.push((await train(model, new DataLoader(dataset, { batchSize }), { optimizer, loss, accumulate })).loss)
  }
  for (const found of losses) t.true(Math.abs(found / losses[0]! - 1) < 1e-5, losses.join(', '))
})

test('weights that float32 cannot hold are refused', async (t) => {
  await using model = await toyModel()
  for (const classWeights of [
    [1e39, 1],
    [1e-60, 1e-60],
  ]) {
    await refuses(t, RangeError, /a number that float32 holds|a weight above 0/, () =>
      train(model, movingDotLoader(4), { optimizer: new Adam(model), loss: { classWeights } }),
    )
  }
})

test('an update that float32 cannot hold is refused, and the weights are as they were', async (t) => {
  for (const make of [
    (model: Parameters<typeof train>[0]) => new Sgd(model, { learningRate: 1e39 }),
    (model: Parameters<typeof train>[0]) => new Adam(model, { learningRate: 1e39 }),
    (model: Parameters<typeof train>[0]) => new Adam(model, { eps: 0 }),
  ]) {
    await using model = await toyModel()
    const state = await model.stateDict()
    state.get('fc.weight')!.data.fill(0) //              nothing in front of it gets a gradient: 0 / 0 without `eps`
    await model.loadStateDict(state)
    const error = await failsWith(t, 'ERR_NON_FINITE_LOSS', () =>
      train(model, movingDotLoader(32), { optimizer: make(model) }),
    )
    t.deepEqual(error.details, { step: 1 })
    t.deepEqual(await model.stateDict(), state)
  }
})

test('numbers of `normalize` that float32 cannot hold are refused', async (t) => {
  for (const [mean, std] of [
    [0, 1e-46],
    [0, 1e-39],
    [0, 1e39],
    [1e39, 1],
  ]) {
    const normalize = { mean: [mean!], std: [std!] }
    await refuses(t, RangeError, /as float32 holds them, for `normalize/, () => toyModel({ normalize }))
  }
})
