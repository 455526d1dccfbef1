import test from 'ava'
import { Adam, Sgd, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDotLoader, toyModel } from '../helpers/toy'
import type { CnnLstm } from 'zoetrope'

const quiet = { print: () => {} }

/** Names of what a call changes in a model's state. */
async function changes(model: CnnLstm, call: () => Promise<unknown>): Promise<string[]> {
  const before = await model.stateDict()
  await call()
  const names: string[] = []
  for (const [name, { data }] of await model.stateDict()) {
    if (data.some((value, at) => value !== before.get(name)?.data[at])) names.push(name)
  }
  return names
}

for (const optimizerOf of [
  (model: CnnLstm) => new Adam(model, { learningRate: 1e-2, weightDecay: 0.1 }),
  (model: CnnLstm) => new Sgd(model, { learningRate: 1e-2, momentum: 0.9, weightDecay: 0.1 }),
]) {
  test(`frozen parameters do not move, momentum and weight decay included: ${optimizerOf.toString()}`, async (t) => {
    await using model = await toyModel()
    const optimizer = optimizerOf(model)
    const loader = movingDotLoader(32)
    const all = await changes(model, async () => train(model, loader, { optimizer }))
    t.is(all.length, 8)
    t.deepEqual(await model.freeze('cnn'), ['cnn.conv1.weight', 'cnn.conv1.bias'])
    t.deepEqual(
      await changes(model, async () => train(model, loader, { optimizer })),
      all.filter((name) => !name.startsWith('cnn')),
    )
    t.deepEqual(await model.unfreeze('cnn.conv1'), ['cnn.conv1.weight', 'cnn.conv1.bias'])
    t.deepEqual(await changes(model, async () => train(model, loader, { optimizer })), all)
  })
}

test('summary counts frozen parameters as non-trainable', async (t) => {
  await using model = await toyModel({ cnn: [{ outChannels: 4, norm: 'batch' }] })
  await model.freeze('cnn')
  t.true(model.summary(quiet).endsWith(' Non-trainable params: 56 (224.00 B)')) // 40 + 8 frozen, 8 statistics
  await model.unfreeze('cnn.conv1')
  t.true(model.summary(quiet).endsWith(' Non-trainable params: 16 (64.00 B)'))
  await model.unfreeze('')
  t.true(model.summary(quiet).endsWith(' Non-trainable params: 8 (32.00 B)'))
})

test('a frozen batch norm keeps its statistics', async (t) => {
  await using model = await toyModel({ cnn: [{ outChannels: 4, norm: 'batch' }] })
  const optimizer = new Adam(model)
  await model.freeze('cnn.norm1')
  const changed = await changes(model, async () => train(model, movingDotLoader(32), { optimizer }))
  t.deepEqual(
    changed.filter((name) => name.startsWith('cnn.norm1')),
    [],
  )
})

test('a prefix that nothing begins with is refused with the ones there are', async (t) => {
  await using model = await toyModel()
  const error = await failsWith(t, 'ERR_INVALID_CONFIG', async () => model.freeze('cnm'))
  t.is(
    error.message,
    "Expected the beginning of a parameter's name, such as cnn, cnn.conv1, lstm, lstm.lstm, fc for `prefix`, received 'cnm'",
  )
  await failsWith(t, 'ERR_INVALID_CONFIG', async () => model.unfreeze('cnn.conv2'))
  await refuses(t, TypeError, /^Expected a string for `prefix`, received undefined$/, async () =>
    model.freeze(untyped(undefined)),
  )
})

test('a model that is frozen as a whole cannot train, but answers', async (t) => {
  await using model = await toyModel()
  await model.freeze('')
  const training = async () => train(model, movingDotLoader(32), { optimizer: new Adam(model) })
  const error = await failsWith(t, 'ERR_INVALID_CONFIG', training)
  t.regex(error.message, /frozen; call unfreeze/)
  await model.unfreeze('fc')
  t.deepEqual(await changes(model, training), ['fc.weight', 'fc.bias'])
})
