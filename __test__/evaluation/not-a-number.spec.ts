/** Missing values in the data: never a right answer, never a sure one. */
import test from 'ava'
import { CnnLstm, DataLoader, TensorDataset, test as evaluate } from 'zoetrope'
import { noise } from '../helpers/toy'

const VECTORS = { input: { features: 2 }, lstm: { hiddenSize: 4 }, device: 'cpu', seed: 1 } as const

/** Clips of three vectors; those at the given places have a missing value. */
function clips(count: number, missing: readonly number[]) {
  const { data, shape } = noise([count, 3, 2])
  for (const clip of missing) data[clip * 6 + 2] = NaN
  return { data, shape }
}

const loaderOf = (inputs: ReturnType<typeof clips>, targets: number[] | { data: Float32Array; shape: number[] }) =>
  new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 4 })

test('a test of clips without an answer finds nothing right', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 3 })
  for (const target of [0, 1, 2]) {
    const loader = loaderOf(clips(6, [0, 1, 2, 3, 4, 5]), Array<number>(6).fill(target))
    const { accuracy, topK, auc, confusionMatrix, perClass, macroF1 } = await evaluate(model, loader, { auc: true })
    t.deepEqual([accuracy, topK, macroF1], [0, [0, 0, 0], 0])
    t.is(auc, NaN)
    t.deepEqual(confusionMatrix.flat(), Array<number>(9).fill(0))
    t.is(perClass[target]!.support, 6)
  }
})

test('a missing value lowers the figures of the clips beside it, and top 1 is the accuracy', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 3 })
  const whole = clips(8, [])
  const targets = (await model.predict(whole)).map(({ index }) => index)
  const { accuracy, topK } = await evaluate(model, loaderOf(clips(8, [1, 6]), targets))
  t.is(accuracy, 0.75)
  t.deepEqual(topK, [0.75, 0.75, 0.75])
})

test('labels without an answer are not right either', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 2, head: 'multiLabel' })
  const targets = { data: new Float32Array(8), shape: [4, 2] }
  const { accuracy } = await evaluate(model, loaderOf(clips(4, [0, 1, 2, 3]), targets))
  t.is(accuracy, 0)
})

test('equal logits are in the order of the classes for accuracy and ranks alike', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 3 })
  const state = await model.stateDict()
  for (const { data } of state.values()) data.fill(0)
  await model.loadStateDict(state)
  const { accuracy, topK } = await evaluate(model, loaderOf(clips(4, []), [0, 1, 1, 2]))
  t.is(accuracy, 0.25)
  t.deepEqual(topK, [0.25, 0.75, 1])
})

test('predict gives no class where probabilities are not numbers', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, classes: ['fall', 'walk', 'sit'] })
  const [missing, whole] = await model.predict(clips(2, [0]))
  t.is(missing!.index, -1)
  t.is(missing!.label, undefined)
  t.true(missing!.probabilities.every(Number.isNaN))
  t.true(whole!.index >= 0 && whole!.label !== undefined)
})

test('nor does it for frames or labels', async (t) => {
  await using frames = await CnnLstm.create({
    ...VECTORS,
    numClasses: 3,
    head: { kind: 'classification', per: 'frame' },
  })
  const [answers] = await frames.predict(clips(1, [0])) // the second frame lacks a value, and the LSTM remembers
  t.true(answers![0]!.index >= 0)
  t.deepEqual(
    answers!.slice(1).map(({ index }) => index),
    [-1, -1],
  )
  await using labels = await CnnLstm.create({ ...VECTORS, numClasses: 2, head: 'multiLabel' })
  const [missing, whole] = await labels.predict(clips(2, [0]))
  t.is(missing!.labels, undefined)
  t.true(Array.isArray(whole!.labels))
})

test('r2 of targets that are the same, or nearly so', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, head: 'regression' })
  const r2 = async (targets: number[]) => {
    const inputs = clips(targets.length, [])
    const { r2: found } = await evaluate(
      model,
      loaderOf(inputs, { data: Float32Array.from(targets), shape: [targets.length] }),
    )
    const values = targets.map(Math.fround)
    const middle = values.reduce((sum, value) => sum + value, 0) / values.length
    const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
    const answers = await model.predict(inputs)
    const error = answers.reduce((sum, { values: [value] }, at) => sum + (value! - values[at]!) ** 2, 0)
    return [found!, 1 - error / squares] as const
  }
  for (const [count, value] of [
    [19, 0.3],
    [51, 0.2],
    [11, 1.1],
    [6, -1e6],
  ] as const) {
    const [found] = await r2(Array<number>(count).fill(value))
    t.is(found, NaN, `${count} times ${value}`)
  }
  for (const targets of [
    [-5.1608, -5.1609, -5.1608, -5.1608, -5.1608, -5.1608],
    [1e6, 1e6 + 0.0625, 1e6, 1e6 + 0.125],
    [1e6, 0.1, 0.2, 0.3, 0.2],
  ]) {
    const [found, expected] = await r2(targets)
    t.true(Math.abs(found / expected - 1) < 1e-4, `${found}, not ${expected}`)
  }
})
