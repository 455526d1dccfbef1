import test from 'ava'
import { CnnLstm } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { TOY_OPTIONS, toyModel } from '../helpers/toy'
import type { AnyCnnLstm, CnnBlockConfig, ModelOptions } from 'zoetrope'

/** The blocks of a model that has no backbone. */
function blocksOf({ config: { cnn } }: AnyCnnLstm): readonly CnnBlockConfig[] {
  if (typeof cnn === 'string') throw new TypeError(`Expected blocks, received ${cnn}`)
  return cnn
}

const create = (changes: object) => async () => CnnLstm.create(untyped<ModelOptions>({ ...TOY_OPTIONS, ...changes }))

test('defaults are the documented ones', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 1, height: 8, width: 8 },
    numClasses: 3,
    device: 'cpu',
  })
  const sizes = { kernelSize: 3, stride: 1, padding: 1, dilation: 1, groups: 1 }
  const block = {
    ...sizes,
    norm: null,
    residual: false,
    activation: 'relu',
    maxPool: 2,
    avgPool: null,
    dropout: 0,
  } as const
  t.deepEqual(model.config, {
    input: { channels: 1, height: 8, width: 8 },
    normalize: null,
    preprocessing: null,
    numClasses: 3,
    classes: null,
    cnn: [
      { outChannels: 32, ...block },
      { outChannels: 64, ...block },
    ],
    globalPool: 'none',
    projection: null,
    lstm: { cell: 'lstm', hiddenSize: 128, numLayers: 1, dropout: 0, bidirectional: false },
    pooling: 'last',
    dropout: 0,
    head: { kind: 'classification', per: 'clip', outputs: null, loss: null },
  })
  t.deepEqual(model.classes, ['0', '1', '2'])
  t.true(Object.isFrozen(blocksOf(model)[0]))
})

test('undefined means not given', async (t) => {
  const model = await toyModel({ seed: undefined, lstm: undefined, device: undefined, cnn: undefined })
  t.is(model.config.lstm.hiddenSize, 128)
  await model.dispose()
})

const unknown: [string, object, RegExp][] = [
  ['at the top', { sedd: 1 }, /^Unknown option `sedd`; did you mean `seed`\?$/],
  ['in another case', { numclasses: 2 }, /did you mean `numClasses`\?/],
  [
    'in snake case',
    { lstm: { hidden_size: 3 } },
    /^Unknown option `lstm.hidden_size`; did you mean `lstm.hiddenSize`\?$/,
  ],
  ['in a block', { cnn: [{ outChannels: 1, kernel: 3 }] }, /^Unknown option `cnn\[0\].kernel`/],
  ['that is far from all', { banana: 1 }, /^Unknown option `banana`; known options are input, classes/],
]
for (const [where, changes, message] of unknown) {
  test(`an unknown option ${where} is refused with the nearest name`, async (t) => {
    await refuses(t, TypeError, message, create(changes))
  })
}

const wrongTypes: [object, RegExp][] = [
  [{ input: undefined }, /^Expected an object for `input`, received undefined$/],
  [{ input: null }, /^Expected an object for `input`, received null$/],
  [
    { input: { channels: '3', height: 8, width: 8 } },
    /^Expected a positive integer.* for `input.channels`|`input.channels`/,
  ],
  [{ classes: 'ab' }, /^Expected an array of names for `classes`, received 'ab'$/],
  [{ classes: ['a', 1] }, /^Expected a string for `classes\[1\]`, received 1$/],
  [{ numClasses: 2 }, /^Expected exactly one of `classes` and `numClasses`, received both$/],
  [{ classes: undefined }, /^Expected exactly one of `classes` and `numClasses`, received neither$/],
  [{ cnn: {} }, /^Expected an array of blocks for `cnn`/],
  [{ cnn: [3] }, /^Expected an object for `cnn\[0\]`, received 3$/],
  [{ cnn: [{}] }, /`cnn\[0\].outChannels`, received undefined$/],
  [
    { cnn: [{ outChannels: 2, activation: true }] },
    /^Expected 'relu' or 'gelu' or 'silu' or 'relu6' or 'hardswish' or 'none' for `cnn\[0\].activation`, received true$/,
  ],
  [{ cnn: [{ outChannels: 2, norm: 1 }] }, /^Expected 'batch' or 'layer' for `cnn\[0\].norm`, received 1$/],
  [{ cnn: [{ outChannels: 2, residual: 'yes' }] }, /^Expected a boolean for `cnn\[0\].residual`, received 'yes'$/],
  [{ globalPool: true }, /^Expected 'none' or 'average' for `globalPool`, received true$/],
  [{ lstm: [] }, /^Expected an object for `lstm`/],
  [{ lstm: { bidirectional: 1 } }, /^Expected a boolean for `lstm.bidirectional`, received 1$/],
  [{ lstm: { hiddenSize: 2n } }, /`lstm.hiddenSize`, received 2n$/],
  [{ device: 0 }, /^Expected 'auto', 'cpu', 'cuda' or 'cuda:<index>' for `device`, received 0$/],
  [{ seed: '0' }, /for `seed`, received '0'$/],
]
for (const [changes, message] of wrongTypes) {
  test(`a wrong type is a TypeError: ${Object.keys(changes).join()} ${message.source}`, async (t) => {
    await refuses(t, TypeError, message, create(changes))
  })
}

const wrongValues: [object, RegExp][] = [
  [{ input: { channels: 0, height: 8, width: 8 } }, /for `input.channels`, received 0$/],
  [{ input: { channels: 1, height: 8.5, width: 8 } }, /for `input.height`, received 8.5$/],
  [{ input: { channels: 1, height: 8, width: NaN } }, /for `input.width`, received NaN$/],
  [{ input: { channels: 1, height: 8, width: Infinity } }, /for `input.width`, received Infinity$/],
  [{ input: { channels: 1, height: 8, width: 1e12 } }, /for `input.width`, received 1000000000000$/],
  [{ classes: ['a', 'a'] }, /^Expected a name that occurs once for `classes\[1\]`, received 'a'$/],
  [{ classes: ['a', ''] }, /^Expected a name that is not empty for `classes\[1\]`, received ''$/],
  [{ classes: ['a'] }, /^Expected at least 2 names for `classes`/],
  [{ classes: undefined, numClasses: 1 }, /for `numClasses`, received 1$/],
  [{ classes: undefined, numClasses: -3 }, /for `numClasses`, received -3$/],
  [{ cnn: [{ outChannels: 2, stride: 0 }] }, /for `cnn\[0\].stride`, received 0$/],
  [{ cnn: [{ outChannels: 2, padding: -1 }] }, /for `cnn\[0\].padding`, received -1$/],
  [{ cnn: [{ outChannels: 2, maxPool: 0 }] }, /for `cnn\[0\].maxPool`, received 0$/],
  [
    { cnn: [{ outChannels: 2, activation: 'tanh' }] },
    /^Expected 'relu' or 'gelu' or 'silu' or 'relu6' or 'hardswish' or 'none' for `cnn\[0\].activation`, received 'tanh'$/,
  ],
  [{ cnn: [{ outChannels: 2, norm: 'instance' }] }, /^Expected 'batch' or 'layer' for `cnn\[0\].norm`, received/],
  [{ cnn: [{ outChannels: 2, dropout: 1 }] }, /^Expected a number in \[0, 1\) for `cnn\[0\].dropout`, received 1$/],
  [{ cnn: [{ outChannels: 2, dilation: 0 }] }, /for `cnn\[0\].dilation`, received 0$/],
  [
    { cnn: [{ outChannels: 4 }, { outChannels: 6, groups: 4 }] },
    /^Expected a divisor of both 4 and 6 channels for `cnn\[1\].groups`, received 4$/,
  ],
  [
    { cnn: [{ outChannels: 2, maxPool: 2, avgPool: 3 }] },
    /^Expected at most one of `cnn\[0\].maxPool` and `cnn\[0\].avgPool`, received 2 and 3$/,
  ],
  [
    { cnn: [{ outChannels: 2, padding: 0, residual: true }] },
    /whose output has 8×8 pixels for `cnn\[0\].residual`, received one of 6×6; set `cnn\[0\].padding`$/,
  ],
  [{ globalPool: 'max' }, /^Expected 'none' or 'average' for `globalPool`, received 'max'$/],
  [{ lstm: { dropout: 1 } }, /^Expected a number in \[0, 1\) for `lstm.dropout`, received 1$/],
  [{ lstm: { dropout: NaN } }, /for `lstm.dropout`, received NaN$/],
  [{ lstm: { numLayers: 0 } }, /for `lstm.numLayers`, received 0$/],
  [{ device: 'gpu' }, /for `device`, received 'gpu'$/],
  [{ device: 'cuda:x' }, /for `device`, received 'cuda:x'$/],
  [{ seed: -1 }, /for `seed`, received -1$/],
  [{ seed: 2 ** 53 }, /for `seed`, received 9007199254740992$/],
  [{ seed: 2n ** 64n }, /for `seed`, received 18446744073709551616n$/],
]
for (const [changes, message] of wrongValues) {
  test(`a wrong value is a RangeError: ${Object.keys(changes).join()} ${message.source}`, async (t) => {
    await refuses(t, RangeError, message, create(changes))
  })
}

test('blocks that leave no pixel are named with the size that came to them', async (t) => {
  const small = { input: { channels: 1, height: 3, width: 8 }, cnn: [{ outChannels: 2 }, { outChannels: 2 }] }
  await refuses(t, RangeError, /pool's size for `cnn\[1\]`, received 1×4 pixels for maxPool 2/, create(small))
  const wide = { cnn: [{ outChannels: 2, kernelSize: 11 }] }
  await refuses(
    t,
    RangeError,
    /kernel's size for `cnn\[0\]`, received 8×8 pixels \(with padding 1\) for kernelSize 11/,
    create(wide),
  )
})

test('dilation and stride count where blocks leave no pixel', async (t) => {
  const dilated = { cnn: [{ outChannels: 2, dilation: 5 }] }
  await refuses(
    t,
    RangeError,
    /kernel's size for `cnn\[0\]`, received 8×8 pixels \(with padding 1\) for kernelSize 3 and dilation 5$/,
    create(dilated),
  )
  const strided = { cnn: [{ outChannels: 2, stride: 8, avgPool: 2 }] }
  await refuses(t, RangeError, /pool's size for `cnn\[0\]`, received 1×1 pixels for avgPool 2/, create(strided))
})

test('every option of a block is in the configuration, and avgPool takes the place of the default maxPool', async (t) => {
  const block = {
    outChannels: 4,
    kernelSize: 3,
    stride: 1,
    padding: 2,
    dilation: 2,
    groups: 2,
    norm: 'batch',
    residual: true,
    activation: 'gelu',
    avgPool: 2,
    dropout: 0.25,
  } as const
  await using model = await toyModel({ cnn: [{ outChannels: 4, norm: 'layer' }, block], globalPool: 'average' })
  t.deepEqual(blocksOf(model)[1], { ...block, maxPool: null })
  t.is(blocksOf(model)[0]?.norm, 'layer')
  t.is(model.config.globalPool, 'average')
  t.deepEqual((await model.stateDict()).get('lstm.lstm.weight_ih_l0')?.shape, [64, 4])
})

const vectors = (block: object) => create({ input: { features: 5 }, cnn: [{ outChannels: 4, ...block }] })

test('blocks of vectors are over time: the padding follows the kernel, and there is no pooling', async (t) => {
  await using model = await toyModel({
    input: { features: 5 },
    cnn: [{ outChannels: 4, kernelSize: 5, dilation: 2, norm: 'batch' }, { outChannels: 6 }],
  })
  t.deepEqual(
    blocksOf(model).map(({ padding, maxPool }) => ({ padding, maxPool })),
    [
      { padding: 4, maxPool: null },
      { padding: 1, maxPool: null },
    ],
  )
  const state = await model.stateDict()
  t.deepEqual(state.get('cnn.conv1.weight')?.shape, [4, 5, 5])
  t.deepEqual(state.get('lstm.lstm.weight_ih_l0')?.shape, [64, 6])
  const rows = [...model.summary({ print: () => {} }).matchAll(/(cnn\.\w+) \((\w+)\) +│ \(([^)]+)\) +│ +(\d+)/g)]
  t.deepEqual(
    rows.slice(0, 2).map(([, ...cells]) => cells.join(' ')),
    ['cnn.conv1 Conv1d None, None, 4 104', 'cnn.norm1 BatchNorm1d None, None, 4 16'],
  )
})

test('blocks of vectors must keep the time', async (t) => {
  const refused: [object, RegExp][] = [
    [{ kernelSize: 4 }, /^Expected an odd number for vectors for `cnn\[0\].kernelSize`, received 4$/],
    [{ stride: 2 }, /^Expected 1 for vectors for `cnn\[0\].stride`, received 2$/],
    [{ padding: 0 }, /^Expected 1 for vectors, which keeps the time, for `cnn\[0\].padding`, received 0$/],
    [{ maxPool: 2 }, /^Expected null for vectors for `cnn\[0\].maxPool`, received 2$/],
    [{ avgPool: 2 }, /^Expected null for vectors for `cnn\[0\].avgPool`, received 2$/],
    [{ groups: 2 }, /^Expected a divisor of both 5 and 4 channels for `cnn\[0\].groups`, received 2$/],
  ]
  for (const [block, message] of refused) await refuses(t, RangeError, message, vectors(block))
  await refuses(t, TypeError, /^Unknown option `cnn\[0\].kernel`/, vectors({ kernel: 3 }))
})

test('a model that would not fit any memory is ERR_INVALID_CONFIG or ERR_OUT_OF_MEMORY, not a crash', async (t) => {
  const error = await failsWith(t, 'ERR_INVALID_CONFIG', create({ lstm: { hiddenSize: 2 ** 20 } }))
  t.regex(error.message, /parameters/)
})

test('a frame may go to the LSTM without a CNN, and blocks may do without pooling and activation', async (t) => {
  await using plain = await toyModel({ cnn: [] })
  t.deepEqual(plain.config.cnn, [])
  await using bare = await toyModel({ cnn: [{ outChannels: 2, maxPool: null, activation: 'none' }] })
  t.is(blocksOf(bare)[0]?.maxPool, null)
})

test('dropout with one layer warns, once in a process', async (t) => {
  const warnings: string[] = []
  const listen = ({ code = '' }: Error & { code?: string }): unknown => warnings.push(code)
  process.on('warning', listen)
  for (let count = 0; count < 2; count++) await (await toyModel({ lstm: { dropout: 0.5 } })).dispose()
  await new Promise(setImmediate)
  process.off('warning', listen)
  t.deepEqual(warnings, ['ZOETROPE_DROPOUT_UNUSED'])
})
