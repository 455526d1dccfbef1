import { once } from 'node:events'
import test from 'ava'
import { CnnLstm } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'

test('summary prints and returns layers, shapes and parameters as Keras does', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 3, height: 64, width: 64 },
    classes: ['wave', 'nod', 'point'],
    device: 'cpu',
  })
  const printed: string[] = []
  const text = model.summary({ print: (line) => printed.push(line) })
  t.deepEqual(printed, [text])
  const counts = [...(await model.stateDict()).values()].reduce((sum, { data }) => sum + data.length, 0)
  t.true(text.includes(`Total params: ${counts.toLocaleString('en-US')} (`), text)
  t.regex(text, /Layer \(type\) +┃ Output Shape +┃ +Param # ┃/)
  t.regex(text, /\(None, None, 32, /)
  t.regex(text, /│ +896 │/)
  t.regex(text, /\(None, 3\)/)
  t.is(
    new Set(
      text
        .split('\n')
        .slice(1, -3)
        .map((line) => line.length),
    ).size,
    1,
    'the table is aligned',
  )
})

test('running means and variances are non-trainable, as in Keras', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 1, height: 8, width: 8 },
    numClasses: 2,
    cnn: [
      { outChannels: 4, norm: 'batch', residual: true, activation: 'silu', dropout: 0.1 },
      { outChannels: 4, norm: 'layer', activation: 'gelu', avgPool: 2 },
    ],
    globalPool: 'average',
    device: 'cpu',
  })
  const text = model.summary({ print: () => {} })
  const rows = [...text.matchAll(/│ (cnn\.\w+) \((\w+)\) +│ \(([^)]+)\) +│ +(\d+) │/g)].map(([, ...cells]) =>
    cells.join(' '),
  )
  t.deepEqual(rows, [
    'cnn.conv1 Conv2d None, None, 4, 8, 8 40',
    'cnn.norm1 BatchNorm2d None, None, 4, 8, 8 16',
    'cnn.shortcut1 Conv2d None, None, 4, 8, 8 8',
    'cnn.silu1 SiLU None, None, 4, 8, 8 0',
    'cnn.pool1 MaxPool2d None, None, 4, 4, 4 0',
    'cnn.dropout1 Dropout None, None, 4, 4, 4 0',
    'cnn.conv2 Conv2d None, None, 4, 4, 4 148',
    'cnn.norm2 GroupNorm None, None, 4, 4, 4 8',
    'cnn.gelu2 GELU None, None, 4, 4, 4 0',
    'cnn.pool2 AvgPool2d None, None, 4, 2, 2 0',
    'cnn.global_pool AdaptiveAvgPool2d None, None, 4 0',
  ])
  const trainable = [...(await model.stateDict())]
    .filter(([name]) => !/running|num_batches/.test(name))
    .reduce((sum, [, { data }]) => sum + data.length, 0)
  t.true(text.includes(`Trainable params: ${trainable.toLocaleString('en-US')} (`), text)
  t.true(text.endsWith(' Non-trainable params: 8 (32.00 B)'), text)
})

test('wrong options are refused', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 1, height: 8, width: 8 },
    numClasses: 2,
    device: 'cpu',
  })
  await refuses(t, TypeError, /^Expected a function for `print`, received false$/, () =>
    model.summary(untyped({ print: false })),
  )
})

test.serial('a print that rejects is a warning of the process', async (t) => {
  await using model = await CnnLstm.create({ input: { features: 2 }, numClasses: 2, device: 'cpu' })
  const warned = once(process, 'warning')
  const text = model.summary({
    print: async () => {
      throw new Error('own')
    },
  })
  t.true(text.startsWith('Model:'))
  const [warning] = (await warned) as [Error & { code: string }]
  t.is(warning.code, 'ZOETROPE_CALLBACK')
  t.regex(warning.message, /`print`.*own$/)
  t.throws(
    () =>
      model.summary({
        print: () => {
          throw new Error('at once')
        },
      }),
    { message: 'at once' },
  )
})
