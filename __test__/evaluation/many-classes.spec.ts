/** Thousands of classes: what a test counts grows with the answers, not with the square of the classes. */
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, fit, test as evaluate } from 'zoetrope'
import { noise } from '../helpers/toy'

const VECTORS = { input: { features: 3 }, lstm: { hiddenSize: 4 }, device: 'cpu', seed: 1 } as const

function loaderOf(targets: readonly number[]): DataLoader {
  const inputs = noise([targets.length, 2, 3])
  return new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 4 })
}

test('20,000 classes are tested as few are', async (t) => {
  const numClasses = 20_000
  await using model = await CnnLstm.create({ ...VECTORS, numClasses })
  const targets = [0, 19_999, 7, 7, 12_345, 19_999]
  const { confusionMatrix, perClass, topK, macroF1, balancedAccuracy, accuracy } = await evaluate(
    model,
    loaderOf(targets),
  )
  t.is(confusionMatrix.length, numClasses)
  t.true(Array.isArray(confusionMatrix) && Array.isArray(confusionMatrix[7]))
  t.is(confusionMatrix[7]!.length, numClasses)
  for (const [target, support] of [
    [0, 1],
    [7, 2],
    [19_999, 2],
    [1, 0],
  ] as const) {
    t.is(
      confusionMatrix[target]!.reduce((sum, count) => sum + count, 0),
      support,
    )
    t.is(perClass[target]!.support, support)
  }
  t.is(perClass.length, numClasses)
  t.is(topK!.length, numClasses)
  t.is(topK![0], accuracy)
  t.is(topK!.at(-1), 1)
  t.true(Number.isFinite(macroF1) && Number.isFinite(balancedAccuracy))
})

test('rows made on demand are those of a plain matrix', async (t) => {
  const targets = Array.from({ length: 40 }, (_, at) => (at * 13) % 300)
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 300 })
  const { confusionMatrix, accuracy } = await evaluate(model, loaderOf(targets))
  const rows = confusionMatrix.map((row) => [...row])
  t.deepEqual(confusionMatrix, rows)
  t.deepEqual(JSON.parse(JSON.stringify(confusionMatrix)), rows)
  t.deepEqual(structuredClone(confusionMatrix), rows)
  t.is(
    rows.flat().reduce((sum, count) => sum + count, 0),
    40,
  )
  t.is(rows.reduce((sum, row, at) => sum + row[at]!, 0) / 40, accuracy)
})

test('a small matrix is plain arrays', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 3 })
  const result = await evaluate(model, loaderOf([0, 1, 2, 2]))
  const { confusionMatrix } = structuredClone(result)
  t.deepEqual(confusionMatrix, result.confusionMatrix)
  t.deepEqual(
    confusionMatrix.map((row) => row.reduce((sum, count) => sum + count, 0)),
    [1, 1, 2],
  )
  t.true(Object.values(Object.getOwnPropertyDescriptors(result.confusionMatrix)).every((each) => 'value' in each))
})

test('fit validates on thousands of classes', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 5000 })
  const loader = loaderOf([4999, 3, 0, 17])
  const optimizer = new Adam(model)
  const history = await fit(model, { train: loader, validation: loader, epochs: 2, optimizer, progress: false })
  t.is(history.length, 2)
  t.is(history[1]!.validation!.confusionMatrix[3]!.length, 5000)
})
