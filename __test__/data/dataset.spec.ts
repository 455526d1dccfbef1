import test from 'ava'
import { DataLoader, TensorDataset, test as evaluate } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDots, movingDotSamples, noise, toyModel } from '../helpers/toy'
import type { TensorDatasetOptions } from 'zoetrope'

test('a TensorDataset tells its length and its samples', (t) => {
  const dots = movingDots(5)
  const dataset = new TensorDataset(dots)
  t.is(dataset.length, 5)
  t.deepEqual(dataset.get(3), movingDotSamples(5)[3])
})

test('native memory keeps a copy: changing the arrays afterwards changes no batch', async (t) => {
  await using model = await toyModel()
  const dots = movingDots(20)
  const loader = new DataLoader(new TensorDataset(dots))
  const { loss, confusionMatrix } = await evaluate(model, loader)
  dots.inputs.data.fill(9)
  dots.targets.fill(0)
  const again = await evaluate(model, loader)
  t.is(again.loss, loss)
  t.deepEqual(again.confusionMatrix, confusionMatrix)
})

test('targets come as any integers', (t) => {
  const inputs = noise([3, 1, 2, 2])
  for (const targets of [[0, 1, 2], Int32Array.of(0, 1, 2), Uint8Array.of(0, 1, 2), Int16Array.of(0, 1, 2)]) {
    t.is(new TensorDataset({ inputs, targets }).get(2).target, 2)
  }
})

test('arrays that do not agree, targets that are no numbers, and misspelt options get their errors', async (t) => {
  const inputs = noise([3, 1, 2, 2])
  const make = (options: unknown) => () => new TensorDataset(untyped<TensorDatasetOptions>(options))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', make({ inputs, targets: [0, 1] }))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', make({ inputs: { ...inputs, shape: [3, 1, 2, 3] }, targets: [0, 1, 2] }))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', make({ inputs: noise([3]), targets: [0, 1, 2] }))
  const error = await failsWith(t, 'ERR_DATA', make({ inputs, targets: [0, NaN, 2] }))
  t.is(error.message, 'Expected a finite number for `targets[1]`, received NaN')
  await failsWith(t, 'ERR_DATA', make({ inputs, targets: [0, '1', 2] }))
  await refuses(t, TypeError, /^Unknown option `labels`/, make({ inputs, labels: [0, 1, 2] }))
  await refuses(
    t,
    TypeError,
    /for `targets`, received BigInt64Array of length 3$/,
    make({ inputs, targets: BigInt64Array.of(0n, 1n, 2n) }),
  )
  await refuses(t, TypeError, /for `targets`, received null$/, make({ inputs, targets: null }))
  await refuses(t, TypeError, /^Expected an object for `options`, received undefined$/, make(undefined))
  await refuses(t, RangeError, /^Expected an integer from 0 to 2 for `index`, received 3$/, () =>
    new TensorDataset({ inputs, targets: [0, 1, 2] }).get(3),
  )
})
