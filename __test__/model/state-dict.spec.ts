import test from 'ava'
import { runInNewContext } from 'node:vm'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDots, toyModel } from '../helpers/toy'
import type { FloatArray } from 'zoetrope'

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

test('a Map, entries and arrays of another realm load', async (t) => {
  await using source = await toyModel({ seed: 1 })
  await using target = await toyModel({ seed: 2 })
  const state = await source.stateDict()
  const plain = [...state].map(([name, { data, shape }]) => [name, [...data], [...shape]])
  const foreign: unknown[] = runInNewContext(
    `const entries = plain.map(([name, data, shape]) => [name, { data: new Float32Array(data), shape: Array.from(shape) }])
     ;[entries, new Map(entries)]`,
    { plain },
  )
  for (const entries of foreign) {
    await target.loadStateDict(
      new Map([...state].map(([name, { data, shape }]) => [name, { data: data.map(() => 0), shape }])),
    )
    await target.loadStateDict(untyped(entries))
    t.deepEqual(await target.stateDict(), state)
  }
  const bytes: unknown = runInNewContext(`[['fc.bias', { data: new Uint8Array(2), shape: [2] }]]`)
  await refuses(t, TypeError, /^Expected a Float32Array for `fc.bias.data`/, async () =>
    target.loadStateDict(untyped(bytes)),
  )
})

test('an answer that changes from read to read is read once', async (t) => {
  await using model = await toyModel()
  const state = await model.stateDict()
  const bias = state.get('fc.bias')!
  /** Gives the values in turn, the last one from then on. */
  const changing = (values: unknown[]) => () => (values.length > 1 ? values.shift() : values[0])
  const load = async (data: () => unknown, shape: () => unknown) =>
    model.loadStateDict(
      new Map([
        ...state,
        ['fc.bias', Object.defineProperties(untyped<FloatArray>({}), { data: { get: data }, shape: { get: shape } })],
      ]),
    )
  await load(changing([bias.data, 'nothing']), changing([bias.shape, [-1]]))
  await load(changing([bias.data, undefined]), changing([bias.shape, null]))
  const sizes = new Proxy([2], { get: (target, key) => (key === '0' ? reads() : Reflect.get(target, key)) as unknown })
  const reads = changing([2, 'two', {}])
  await load(
    () => bias.data,
    () => sizes,
  )
  t.deepEqual(await model.stateDict(), state)
})

test('an iterator that is none is refused in words, and one that is left is closed', async (t) => {
  await using model = await toyModel()
  const load = (iterator: unknown) => async () => model.loadStateDict(untyped({ [Symbol.iterator]: iterator }))
  await refuses(t, TypeError, /^Expected a path, a Map or .* for `state`, received an object$/, load(3))
  await refuses(
    t,
    TypeError,
    /^Expected an object for `state\[Symbol.iterator\]\(\)`, received undefined$/,
    load(() => undefined),
  )
  await refuses(
    t,
    TypeError,
    /^Expected an iterator for/,
    load(() => ({})),
  )
  await refuses(
    t,
    TypeError,
    /^Expected an object for `state.*next\(\)`, received undefined$/,
    load(() => ({ next: () => undefined })),
  )
  let closed = 0
  const endless = { next: () => ({ done: false, value: 1 }), return: () => closed++ }
  await refuses(
    t,
    TypeError,
    /^Expected a path, a Map or .* for `state`, received 1$/,
    load(() => endless),
  )
  t.is(closed, 1)
})

test('without the counts of batch norms a state dict loads, as in PyTorch, and the counts stay', async (t) => {
  const cnn = [{ outChannels: 4, norm: 'batch' }] as const
  await using source = await toyModel({ cnn, seed: 1 })
  await using target = await toyModel({ cnn, seed: 2 })
  const state = await source.stateDict()
  t.true(state.delete('cnn.norm1.num_batches_tracked'))
  await target.loadStateDict([['cnn.norm1.num_batches_tracked', { data: Float32Array.of(5), shape: [1] }], ...state])
  await target.loadStateDict(state)
  t.deepEqual(await target.logits(clips), await source.logits(clips))
  t.deepEqual((await target.stateDict()).get('cnn.norm1.num_batches_tracked')?.data, Float32Array.of(5))
  state.delete('cnn.norm1.running_mean')
  const error = await failsWith(t, 'ERR_CHECKPOINT', async () => target.loadStateDict(state))
  t.deepEqual(error.details['missing'], ['cnn.norm1.running_mean'])
})
