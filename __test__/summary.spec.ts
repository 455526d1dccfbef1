import test from 'ava'
import { CnnLstm } from 'zoetrope'
import { refuses, untyped } from './helpers/expect'

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
