import test from 'ava'
import { CnnLstm, DataLoader, TensorDataset, test as evaluate } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { movingDotLoader, movingDots, noise, toyModel } from '../helpers/toy'

test('a test gives loss, accuracy, the confusion matrix and figures per class', async (t) => {
  await using model = await toyModel()
  const result = await evaluate(model, movingDotLoader(50))
  const { accuracy, confusionMatrix, perClass } = result
  t.is(result.samples, 50)
  t.true(result.loss > 0 && result.seconds > 0 && result.samplesPerSecond > 0)
  t.is(
    confusionMatrix.flat().reduce((sum, count) => sum + count, 0),
    50,
  )
  t.is(accuracy, (confusionMatrix[0]![0]! + confusionMatrix[1]![1]!) / 50)
  t.deepEqual(
    perClass.map(({ label }) => label),
    ['left', 'right'],
  )
  const rights = movingDots(50).targets.filter((target) => target === 1).length
  t.deepEqual(
    perClass.map(({ support }) => support),
    [50 - rights, rights],
  )
})

test('rows are targets, columns predictions; the figures per class are those of scikit-learn', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 1, height: 2, width: 2 },
    classes: ['a', 'b', 'c'],
    cnn: [],
    lstm: { hiddenSize: 4 },
    device: 'cpu',
    seed: 3,
  })
  const inputs = noise([60, 1, 2, 2])
  const always = await model.stateDict()
  for (const [name, { data }] of always)
    if (name.startsWith('fc')) data.set(name === 'fc.bias' ? [0, 5, 0] : new Float32Array(12))
  await model.loadStateDict(always) //                 it answers 'b', whatever comes
  const targets = Array.from({ length: 60 }, (_, index) => (index < 10 ? 0 : index < 40 ? 1 : 2))
  const { accuracy, confusionMatrix, perClass } = await evaluate(
    model,
    new DataLoader(new TensorDataset({ inputs, targets })),
  )
  t.is(accuracy, 0.5)
  t.deepEqual(confusionMatrix, [
    [0, 10, 0],
    [0, 30, 0],
    [0, 20, 0],
  ])
  t.deepEqual(perClass, [
    { label: 'a', precision: 0, recall: 0, f1: 0, support: 10 },
    { label: 'b', precision: 0.5, recall: 1, f1: 2 / 3, support: 30 },
    { label: 'c', precision: 0, recall: 0, f1: 0, support: 20 },
  ])
})

test('the result does not depend on the batch size, and nothing changes', async (t) => {
  await using model = await toyModel({ lstm: { hiddenSize: 8, numLayers: 2, dropout: 0.9 } })
  const before = await model.stateDict()
  const [one, many] = [
    await evaluate(model, movingDotLoader(50, { batchSize: 1 })),
    await evaluate(model, movingDotLoader(50, { batchSize: 50 })),
  ]
  t.true(Math.abs(one.loss - many.loss) < 1e-6, 'dropout is off')
  t.deepEqual(one.confusionMatrix, many.confusionMatrix)
  t.deepEqual(await model.stateDict(), before)
})

test('wrong arguments are refused', async (t) => {
  await using model = await toyModel()
  const loader = movingDotLoader(16)
  await refuses(t, TypeError, /^Unknown option `optimizer`; known options are signal, progress, auc$/, async () =>
    evaluate(model, loader, untyped({ optimizer: 1 })),
  )
  await refuses(t, TypeError, /^Expected a DataLoader for `loader`, received undefined$/, async () =>
    evaluate(model, untyped(undefined)),
  )
  await refuses(t, TypeError, /^Expected a CnnLstm for `model`, received null$/, async () =>
    evaluate(untyped<CnnLstm>(null), loader),
  )
})
