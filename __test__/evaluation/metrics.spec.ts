/** Ranking metrics against their definitions, taken over the answers of `predict` one pair at a time. */
import test from 'ava'
import { CnnLstm, DataLoader, TensorDataset, test as evaluate, fit, Adam } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { TOY_OPTIONS, movingDotLoader, noise, toyModel } from '../helpers/toy'
import type { MetricName, TestOptions } from 'zoetrope'

const COUNT = 60
const { classes: _names, ...UNNAMED } = TOY_OPTIONS

/** The share of (positive, negative) pairs in which the positive scores higher; a tie is half of one. */
function areaByPairs(scores: readonly number[], has: readonly boolean[]): number {
  let [sum, pairs] = [0, 0]
  for (const [i, positive] of scores.entries()) {
    for (const [j, negative] of scores.entries()) {
      if (!has[i]! || has[j]!) continue
      pairs++
      if (positive === negative) sum += 0.5
      else if (positive > negative) sum++
    }
  }
  return sum / pairs
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('topK and auc of classes, one of which no answer has', async (t) => {
  await using model = await CnnLstm.create({ ...UNNAMED, numClasses: 5 })
  const inputs = noise([COUNT, 3, 1, 8, 8])
  const targets = Array.from({ length: COUNT }, (_, index) => (index * 7) % 4)
  const loader = new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 16 })
  const { topK, auc, accuracy } = await evaluate(model, loader, { auc: true })
  const logits = (await model.logits(inputs)).data
  const rows = Array.from({ length: COUNT }, (_, row) => Array.from(logits.subarray(row * 5, row * 5 + 5)))
  const expected = [1, 2, 3, 4, 5].map((k) =>
    mean(rows.map((row, at) => Number(row.filter((logit) => logit > row[targets[at]!]!).length < k))),
  )
  t.deepEqual(topK, expected)
  t.is(topK![0], accuracy)
  t.is(topK![4], 1)
  const softmax = rows.map((row) => {
    const powers = row.map(Math.exp)
    return powers.map((power) => power / powers.reduce((sum, one) => sum + one))
  })
  const areas = [0, 1, 2, 3].map((label) =>
    areaByPairs(
      softmax.map((row) => row[label]!),
      targets.map((target) => target === label),
    ),
  )
  t.true(Math.abs(auc! - mean(areas)) < 1e-6, `${auc}, not ${mean(areas)}`)
  t.is((await evaluate(model, loader)).auc, undefined)
})

test('auc of labels', async (t) => {
  await using model = await CnnLstm.create({ ...UNNAMED, numClasses: 3, head: 'multiLabel' })
  const inputs = noise([COUNT, 3, 1, 8, 8])
  const targets = Array.from({ length: COUNT }, (_, row) => [0, 1, 2].map((label) => Number((row * 3 + label) % 5 < 2)))
  const clip = inputs.data.length / COUNT
  const samples = targets.map((target, row) => ({
    input: { data: inputs.data.slice(row * clip, (row + 1) * clip), shape: inputs.shape.slice(1) },
    target,
  }))
  const loader = new DataLoader(samples, { batchSize: 16 })
  const { auc, topK } = await evaluate(model, loader, { auc: true })
  const logits = (await model.logits(inputs)).data
  const areas = [0, 1, 2].map((label) =>
    areaByPairs(
      targets.map((_, row) => logits[row * 3 + label]!),
      targets.map((labels) => labels[label] === 1),
    ),
  )
  t.true(Math.abs(auc! - mean(areas)) < 1e-6)
  t.is(topK, undefined)
})

test('fit chooses by them, and refuses those that the head or the run does not have', async (t) => {
  await using model = await toyModel()
  const run = (best: MetricName, changes: object = {}) =>
    fit(model, {
      train: movingDotLoader(32),
      validation: movingDotLoader(32, {}, 2),
      epochs: 3,
      optimizer: new Adam(model),
      best,
      ...changes,
    })
  const history = await run('auc')
  const aucs = history.map(({ validation }) => validation!.auc!)
  const { auc } = await evaluate(model, movingDotLoader(32, {}, 2), { auc: true })
  t.is(auc, Math.max(...aucs))
  t.is((await run('top2')).length, 3)
  await refuses(t, RangeError, /^Expected a metric of this head \(.*, top2 … top2\) for `best`, received 'top3'$/, () =>
    run('top3'),
  )
  await refuses(t, RangeError, /without validation data \(loss, accuracy\) for `best`/, () =>
    run('auc', { validation: undefined }),
  )
  await refuses(t, TypeError, /a boolean for `auc`/, async () =>
    evaluate(model, movingDotLoader(8), untyped<TestOptions>({ auc: 1 })),
  )
})
