import test from 'ava'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDots, toyModel } from '../helpers/toy'

const clips = movingDots(4).inputs

test('parameters have the names and shapes of the PyTorch classes', async (t) => {
  await using model = await toyModel({ cnn: [{ outChannels: 4 }, { outChannels: 6 }] })
  const shapes = [...(await model.stateDict())].map(([name, { shape }]) => [name, shape])
  t.deepEqual(shapes, [
    ['cnn.conv1.weight', [4, 1, 3, 3]],
    ['cnn.conv1.bias', [4]],
    ['cnn.conv2.weight', [6, 4, 3, 3]],
    ['cnn.conv2.bias', [6]],
    ['lstm.lstm.weight_ih_l0', [64, 24]],
    ['lstm.lstm.weight_hh_l0', [64, 16]],
    ['lstm.lstm.bias_ih_l0', [64]],
    ['lstm.lstm.bias_hh_l0', [64]],
    ['fc.weight', [2, 16]],
    ['fc.bias', [2]],
  ])
})

test('a state dict is a copy, and loads as a Map or as entries', async (t) => {
  await using source = await toyModel({ seed: 1 })
  await using target = await toyModel({ seed: 2 })
  const expected = await source.logits(clips)
  const state = await source.stateDict()
  await target.loadStateDict(state)
  t.deepEqual(await target.logits(clips), expected)
  for (const { data } of state.values()) data.fill(0)
  t.deepEqual(await source.logits(clips), expected)
  t.deepEqual(await target.logits(clips), expected)
  await target.loadStateDict([...state])
  t.deepEqual([...(await target.logits(clips)).data], Array<number>(8).fill(0))
})

test('entries that are missing, unexpected or misshapen are listed, and nothing is changed', async (t) => {
  await using model = await toyModel()
  const expected = await model.logits(clips)
  const state = await model.stateDict()
  state.delete('fc.bias')
  state.set('fc.extra', { data: new Float32Array(1), shape: [1] })
  state.set('fc.weight', { data: new Float32Array(6), shape: [2, 3] })
  const error = await failsWith(t, 'ERR_CHECKPOINT', async () => model.loadStateDict(state))
  t.deepEqual(error.details['missing'], ['fc.bias'])
  t.deepEqual(error.details['unexpected'], ['fc.extra'])
  t.regex(JSON.stringify(error.details['mismatched']), /fc\.weight/)
  for (const name of ['fc.bias', 'fc.extra', 'fc.weight']) t.true(error.message.includes(name), error.message)
  t.deepEqual(await model.logits(clips), expected)
})

test('what is no state dict is refused', async (t) => {
  await using model = await toyModel()
  const load = (value: unknown) => async () => model.loadStateDict(untyped(value))
  await refuses(
    t,
    TypeError,
    /^Expected a path, a Map or an iterable of \[name, NdArray\] for `state`, received an object$/,
    load({}),
  )
  await refuses(t, TypeError, /for `state`, received null$/, load(null))
  await refuses(t, TypeError, /for `state`, received 3$/, load(3))
  await refuses(t, TypeError, /for `state`/, load([1]))
  await refuses(
    t,
    TypeError,
    /^Expected a Float32Array for `fc.bias.data`, received Uint8Array of length 2$/,
    load([['fc.bias', { data: new Uint8Array(2), shape: [2] }]]),
  )
  await failsWith(t, 'ERR_SHAPE_MISMATCH', load([['fc.bias', { data: new Float32Array(3), shape: [2] }]]))
  t.is((await model.predict(clips)).length, 4)
})
