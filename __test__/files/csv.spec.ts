/** Tables of numbers. */
import test from 'ava'
import { readCsv } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { fileOf, refusesFile } from '../helpers/files'

const read = async (text: string, options?: Parameters<typeof readCsv>[1]) => readCsv(fileOf(text, '.csv'), options)

test('a header, or none; every separator; quotes; comments; ends of lines', async (t) => {
  const tables = [
    'x,y\n1,2\n3,4\n',
    '\uFEFFx;y\r\n1;2\r\n3;4',
    'x\ty\n1\t2\n\n3\t4\n',
    '"x","y"\n"1","2"\n3,"4"\n',
    '# recorded by hand\nx|y\n1|2\n3|4\n',
    'x  y\n1  2\n3 4\n',
  ]
  for (const text of tables) {
    const { data, shape, columns } = await read(text)
    t.deepEqual(
      [[...data], shape, columns],
      [
        [1, 2, 3, 4],
        [2, 2],
        ['x', 'y'],
      ],
      text,
    )
  }
  t.deepEqual((await read('1,2\n3,4\n')).columns, ['0', '1'])
  t.deepEqual((await read('"a, b","c ""d"""\n1,2\n')).columns, ['a, b', 'c "d"'])
  t.deepEqual((await read('"two\nlines",b\n1,2\n')).columns, ['two\nlines', 'b'])
  t.deepEqual([...(await read('a;b\n1,5;-2,25e1\n')).data], [1.5, -22.5])
  t.deepEqual([...(await read('5\n6\n')).data], [5, 6])
})

test('columns are chosen by name, in the order asked for', async (t) => {
  const { data, columns } = await read('t,x,name\n0,1,a\n1,2,b\n', { columns: ['x', 't'] })
  t.deepEqual(
    [[...data], columns],
    [
      [1, 0, 2, 1],
      ['x', 't'],
    ],
  )
  const path = fileOf('t,x\n0,1\n')
  await refusesFile(t, path, () => readCsv(path, { columns: ['z'] }), { line: 1, message: /a column 'z'.*t, x/ })
})

test('missing values are refused, replaced by a number or by the value before', async (t) => {
  const text = 'x,y\n1,2\n,3\nNaN,?\n'
  const path = fileOf(text)
  await refusesFile(t, path, () => readCsv(path), { line: 3, message: /column 'x'.*missing/ })
  const replaced = await read(text, { missing: -1 })
  t.deepEqual([[...replaced.data], replaced.missing], [[1, 2, -1, 3, -1, -1], 3])
  t.deepEqual([...(await read(text, { missing: 'previous' })).data], [1, 2, 1, 3, 1, 3])
  const first = fileOf('x\n\n?\n2\n')
  await refusesFile(t, first, () => readCsv(first, { missing: 'previous' }), { message: /no value before it/ })
})

test('constant columns are told', async (t) => {
  t.deepEqual((await read('x,y,z\n1,2,0\n1,3,0\n')).constant, ['x', 'z'])
})

test('what is no table names file, line and column', async (t) => {
  for (const [text, line, message] of [
    ['', undefined, /an empty file/],
    ['x,y\n', undefined, /a header alone/],
    ['x,y\n1,2\n3\n', 3, /2 fields.*received 1/],
    ['x,y\n1,2\n3,hello\n', 3, /a number in column 'y'.*'hello'/],
    ['x,x\n1,2\n', 1, /different names/],
    ['x,y\n1,"2\n3,4\n', 2, /end of a quoted field/],
    ['x,y\n1,1e999\n', 2, /a number/],
  ] as const) {
    const path = fileOf(text)
    await refusesFile(t, path, () => readCsv(path), { message, ...(line !== undefined && { line }) })
  }
  const wide = fileOf(Buffer.from('x,y\n1,2\n', 'utf16le'))
  await refusesFile(t, wide, () => readCsv(wide), { message: /UTF-8/ })
  await refuses(t, RangeError, /`separator`/, () => read('1', untyped({ separator: '/' })))
  await refuses(t, RangeError, /`missing`/, () => read('1', { missing: Infinity }))
  await refuses(t, RangeError, /`columns`/, () => read('1', { columns: [] }))
})
