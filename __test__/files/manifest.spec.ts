/** Lists of clips. */
import { join } from 'node:path'
import test from 'ava'
import { folderOf, openQuietly, ramp, tone, wav } from '../helpers/clips'
import { refusesFile } from '../helpers/files'

const clips = { 'data/a.npy': ramp(10, 1), 'data/b.npy': ramp(6, 1, 1000) }

test('rows of a .csv: labels, parts in frames, groups', async (t) => {
  const text = 'path,label,from,to,group\ndata/a.npy,up,0,4,p1\ndata/a.npy,down,4,10,p1\ndata/b.npy,up,,,p2\n'
  const folder = folderOf({ ...clips, 'list.csv': text })
  const dataset = await openQuietly(join(folder, 'list.csv'))
  t.deepEqual(dataset.classes, ['down', 'up'])
  t.deepEqual([...(dataset.targets ?? [])], [1, 0, 1])
  t.deepEqual(dataset.groups, ['p1', 'p1', 'p2'])
  t.deepEqual([...(await dataset.get(1)).input.data], [40, 50, 60, 70, 80, 90])
  t.deepEqual(
    [0, 1, 2].map((index) => dataset.lengthOf(index)),
    [4, 6, 6],
  )
})

test('lines of JSON: targets of numbers and lists, paths relative to the file', async (t) => {
  const lines = [
    { path: '../data/a.npy', target: 0.5 },
    { path: '../data/b.npy', target: 2, group: 7 },
  ]
  const folder = folderOf({ ...clips, 'lists/list.jsonl': lines.map((line) => JSON.stringify(line)).join('\n') })
  const dataset = await openQuietly(join(folder, 'lists/list.jsonl'))
  t.deepEqual([dataset.classes, dataset.targets], [[], undefined])
  t.is((await dataset.get(0)).target, 0.5)
  const listed = folderOf({ ...clips, 'l.jsonl': JSON.stringify({ path: 'data/a.npy', target: [1, 2] }) })
  t.deepEqual((await (await openQuietly(join(listed, 'l.jsonl'))).get(0)).target, [1, 2])
})

test('strings of labels: texts, arrays as JSON, and lists of several lengths; classes are the labels', async (t) => {
  const csv = 'path,target\ndata/a.npy,3 1 10\ndata/b.npy,1\ndata/a.npy,"[""3"", 10]"\ndata/b.npy,[]\n'
  const targets = [{ target: '3 1 10' }, { target: ['1'] }, { target: ['3', 10] }, { target: '' }]
  const lists = [{ target: [3, 1, 10] }, { target: [1] }, { target: [3, 10] }, { target: [] }]
  const lines = (entries: readonly object[]): string =>
    entries.map((entry, at) => JSON.stringify({ path: `data/${'ab'[at % 2]}.npy`, ...entry })).join('\n')
  for (const [name, text] of [
    ['l.csv', csv],
    ['l.jsonl', lines(targets)],
    ['n.jsonl', lines(lists)],
  ] as const) {
    // prettier-ignore
    const dataset = await openQuietly(join(folderOf({ ...clips, [name]: text }), name))
    t.deepEqual([dataset.targetKind, dataset.classes, dataset.targets], ['labels', ['1', '3', '10'], undefined], name)
    const found = await Promise.all([0, 1, 2, 3].map(async (index) => [...(await dataset.get(index)).target as Int32Array])) // prettier-ignore
    t.deepEqual(found, [[1, 0, 2], [0], [1, 2], []], name)
    t.regex(dataset.description, /4 clips of kind 'array' with strings of labels of 3 classes \(1, 3, 10\)/)
  }
  const path = join(folderOf({ ...clips, 'l.csv': csv }), 'l.csv')
  const known = await openQuietly(path, { classes: ['10', '3', '1'] })
  t.deepEqual([...((await known.get(0)).target as Int32Array)], [1, 2, 0])
  await refusesFile(t, path, () => openQuietly(path, { classes: ['1', '3'] }), { line: 2, message: /the classes 1, 3/ })
  const numbers = 'path,target\ndata/a.npy,3\ndata/b.npy,-1.5\n'
  t.is((await openQuietly(join(folderOf({ ...clips, 'l.csv': numbers }), 'l.csv'))).targetKind, 'numbers')
})

test('parts in seconds of a recording, each once decoded', async (t) => {
  const samples = [...tone(300, 1), ...tone(900, 1)]
  const text = 'path,label,from,to\nr.wav,low,0,1\nr.wav,high,1,2\n'
  const folder = folderOf({ 'r.wav': wav(samples), 'list.csv': text })
  const dataset = await openQuietly(join(folder, 'list.csv'), { unit: 'seconds' })
  const [low, high] = await Promise.all([dataset.get(0), dataset.get(1)])
  t.deepEqual(
    [low?.input.shape, high?.input.shape],
    [
      [100, 40],
      [100, 40],
    ],
  )
  const strongest = (data: ArrayLike<number>): number => {
    const frame = Array.from(data).slice(50 * 40, 51 * 40)
    return frame.indexOf(Math.max(...frame))
  }
  t.true(strongest(low?.input.data ?? []) < strongest(high?.input.data ?? []))
})

test('a wrong manifest names its line', async (t) => {
  for (const [name, text, line, message] of [
    ['l.csv', 'file,label\na,b\n', 1, /'path', and 'label' or 'target'/],
    ['l.csv', 'path,label,colour\na,b,c\n', 1, /the columns path/],
    ['l.csv', 'path,label\ndata/a.npy\n', 2, /2 fields/],
    ['l.csv', 'path,label\n,x\n', 2, /a path/],
    ['l.csv', 'path,label,from,to\ndata/a.npy,x,3,2\n', 2, /'to' above 'from' 3/],
    ['l.csv', 'path,target\ndata/a.npy,big\n', 2, /'target'/],
    ['l.csv', 'path,target\ndata/a.npy,1 2\ndata/b.npy,0.5\n', 3, /labels, which have no fractions/],
    ['l.csv', 'path,target\ndata/a.npy,"[1, {}]"\n', 2, /an array/],
    ['l.csv', 'path,target\ndata/a.npy,[1\n', 2, /an array as JSON/],
    ['l.csv', 'path,label,target\ndata/a.npy,x,\ndata/b.npy,,3\n', 3, /a label for every clip/],
    ['l.csv', 'path,label\ndata/none.dat,x\n', 2, /ENOENT/],
    ['l.jsonl', '{"path": "data/a.npy", "label": "x"}\n[1]\n', 2, /an object as JSON/],
    ['l.jsonl', '{"path": "data/a.npy", "lable": "x"}\n', 1, /the keys path/],
  ] as const) {
    const path = join(folderOf({ ...clips, [name]: text }), name)
    await refusesFile(t, path, () => openQuietly(path), { line, message })
  }
  const path = join(folderOf({ ...clips, 'l.csv': 'path,label,from,to\ndata/b.npy,x,8,9\n' }), 'l.csv')
  await refusesFile(t, join(path, '../data/b.npy'), () => openQuietly(path), { message: /frames from 8 to 9/ })
})
