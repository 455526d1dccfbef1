/** What is found in a folder. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { DataLoader, FolderDataset, checkLeakage, split } from 'zoetrope'
import { folderOf, openQuietly, ramp } from '../helpers/clips'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { refusesFile } from '../helpers/files'

test('classes are the folders, clips their files, in natural order; each as its array is', async (t) => {
  const folder = folderOf({
    'walk/take10.npy': ramp(4, 2, 1000),
    'walk/take2.npy': ramp(3, 2),
    'Run/a.npy': ramp(2, 2, 500),
    'notes.txt': 'not a clip',
    'walk/readme.md': 'nor this',
  })
  const texts: string[] = []
  const dataset = await FolderDataset.open(folder, { print: (text) => texts.push(text) })
  t.deepEqual(dataset.classes, ['Run', 'walk'])
  t.deepEqual([...(dataset.targets ?? [])], [0, 1, 1])
  t.deepEqual(dataset.input, { features: 2 })
  const sources = Array.from({ length: dataset.length }, (_, index) => dataset.source(index).path)
  t.deepEqual(sources, [join(folder, 'Run/a.npy'), join(folder, 'walk/take2.npy'), join(folder, 'walk/take10.npy')])
  const { input, target } = await dataset.get(2)
  t.deepEqual(input.shape, [4, 2])
  t.deepEqual([...input.data].slice(0, 4), [1000, 1001, 1010, 1011])
  t.is(target, 1)
  t.deepEqual(
    [0, 1, 2].map((index) => dataset.lengthOf(index)),
    [2, 3, 4],
  )
  t.deepEqual(dataset.passedOver, [
    { path: 'notes.txt', reason: 'not in the folder of a class' },
    { path: 'walk/readme.md', reason: 'no clip' },
  ])
  t.is(texts.length, 1)
  t.regex(texts[0] ?? '', /3 clips of kind 'array' in 2 classes \(Run, walk\)[^]*passed over: 2/)
  await dataset.close()
})

test('hidden files are passed over, and symbolic links that lead back end', async (t) => {
  const folder = folderOf({
    'a/one.npy': ramp(2, 1),
    'a/._one.npy': 'a fork of the Finder',
    'a/.hidden/two.npy': ramp(2, 1),
    '.git/x.npy': ramp(2, 1),
    '__MACOSX/a.npy': 'x',
    'b/deep/er/one.npy': ramp(2, 1),
  })
  symlinkSync(folder, join(folder, 'a/back'))
  symlinkSync(join(folder, 'nowhere'), join(folder, 'a/dangling.npy'))
  symlinkSync(join(folder, 'a/one.npy'), join(folder, 'b/linked.npy'))
  const dataset = await openQuietly(folder, { classes: ['a', 'b'] })
  const found = Array.from({ length: dataset.length }, (_, index) =>
    dataset.source(index).path.slice(folder.length + 1),
  )
  t.true(found.includes('a/one.npy') && found.includes('b/linked.npy') && found.includes('b/deep/er/one.npy'))
  t.false(found.some((path) => path.includes('/.') || path.includes('dangling')))
  // Through the link the folder is walked once, and not again inside of itself.
  t.false(found.some((path) => path.includes('back/a/back')))
})

test('groups: the name in front of _, the folder between, each clip by itself, or a function', async (t) => {
  const prefixed = folderOf({
    'yes/anna_1.npy': ramp(2, 1),
    'yes/ben_1.npy': ramp(2, 1, 1),
    'no/no_anna_2.npy': ramp(2, 1, 2),
    'no/ben_2.npy': ramp(2, 1, 3),
  })
  const byPrefix = await openQuietly(prefixed)
  t.deepEqual(byPrefix.groups, ['ben', 'anna', 'anna', 'ben'])
  t.is(byPrefix.groupRule, 'the name in front of the first _')
  const nested = folderOf({ 'a/s1/x.npy': ramp(2, 1), 'a/s2/x.npy': ramp(2, 1, 1), 'b/s1/x.npy': ramp(2, 1, 2) })
  t.deepEqual((await openQuietly(nested)).groups, ['s1', 's2', 's1'])
  const plain = folderOf({ 'a/1.npy': ramp(2, 1), 'b/2.npy': ramp(2, 1) })
  t.deepEqual((await openQuietly(plain)).groups, ['a/1.npy', 'b/2.npy'])
  t.deepEqual((await openQuietly(prefixed, { group: 'clip' })).groups.length, 4)
  const own = await openQuietly(prefixed, { group: (path) => path.length })
  const paths = ['no/ben_2.npy', 'no/no_anna_2.npy', 'yes/anna_1.npy', 'yes/ben_1.npy']
  t.deepEqual(
    own.groups,
    paths.map((path) => `${path.length}`),
  )
  const parts = await split(byPrefix, { fractions: { train: 0.5, test: 0.5 }, by: byPrefix.groups })
  t.is(parts.train.length, 2)
  await checkLeakage(parts, { by: byPrefix.groups, near: false })
  await t.throwsAsync(checkLeakage({ a: byPrefix, b: byPrefix }, { by: byPrefix.groups, near: false }))
})

test('fps, stride, windows, timeSteps and maxFrames choose the frames', async (t) => {
  const folder = folderOf({ 'a/1.npy': ramp(10, 1), 'b/2.npy': ramp(3, 1) })
  const frames = async (options: Parameters<typeof openQuietly>[1]): Promise<number[][]> => {
    const dataset = await openQuietly(folder, options)
    const samples = await Promise.all(Array.from({ length: dataset.length }, async (_, index) => dataset.get(index)))
    for (const [index, { input }] of samples.entries()) t.is(dataset.lengthOf(index), input.shape[0] ?? 0)
    return samples.map(({ input }) => Array.from(input.data, (value) => value / 10))
  }
  t.deepEqual(await frames({ stride: 3 }), [[0, 3, 6, 9], [0]])
  t.deepEqual(await frames({ maxFrames: 4 }), [
    [0, 1, 2, 3],
    [0, 1, 2],
  ])
  t.deepEqual(await frames({ timeSteps: 5 }), [
    [1, 3, 5, 7, 9],
    [0, 0, 1, 2, 2],
  ])
  t.deepEqual(await frames({ rate: 10, fps: 5 }), [
    [0, 2, 4, 6, 8],
    [0, 2],
  ])
  t.deepEqual(await frames({ rate: 10, fps: 20, maxFrames: 5 }), [
    [0, 0, 1, 1, 2],
    [0, 0, 1, 1, 2],
  ])
  t.deepEqual(await frames({ window: 4 }), [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [0, 1, 2],
  ])
  t.deepEqual(await frames({ window: { size: 4, step: 3 } }), [
    [0, 1, 2, 3],
    [3, 4, 5, 6],
    [6, 7, 8, 9],
    [0, 1, 2],
  ])
  t.deepEqual(await frames({ window: { size: 0.5, step: 0.25 }, unit: 'seconds', rate: 8 }), [
    [0, 1, 2, 3],
    [2, 3, 4, 5],
    [4, 5, 6, 7],
    [6, 7, 8, 9],
    [0, 1, 2],
  ])
  t.deepEqual(await frames({ window: 6, timeSteps: 2, stride: 1 }), [
    [1, 4],
    [0, 2],
  ])
  const unknown = await failsWith(t, 'ERR_DATA', () => frames({ fps: 5 }))
  t.regex(unknown.message, /set `rate`/)
})

test('a loader takes it: batches by length, shuffled, prefetched', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 24 }, (_, at) => [`${at % 3}/${at}.npy`, ramp(2 + (at % 5), 3, at)]),
  )
  const dataset = await openQuietly(folderOf(files))
  const loader = new DataLoader(dataset, { batchSize: 4, shuffle: true, bucketByLength: { size: 6 }, seed: 1 })
  let samples = 0
  let padding = 0
  for await (const { inputs, lengths } of loader) {
    samples += inputs.shape[0] ?? 0
    for (const length of lengths ?? []) padding += (inputs.shape[1] ?? 0) - length
  }
  t.is(samples, 24)
  t.true(padding <= 8, `${padding}`)
  await dataset.close()
  await failsWith(t, 'ERR_DISPOSED', () => dataset.get(0))
  await dataset.close()
})

test('what cannot be read is named; with onError skip it is left out, counted and listed', async (t) => {
  const folder = folderOf({
    'a/0.npy': 'broken',
    'a/1.npy': ramp(2, 2),
    'a/2.npy': '',
    'b/3.npy': ramp(3, 2),
    'b/4.npy': ramp(3, 5),
  })
  await refusesFile(t, join(folder, 'a/0.npy'), () => openQuietly(folder))
  const dataset = await openQuietly(folder, { onError: 'skip' })
  t.is(dataset.length, 2)
  t.deepEqual(
    dataset.skipped.map(({ path }) => path).toSorted(),
    ['a/0.npy', 'a/2.npy', 'b/4.npy'].map((path) => join(folder, path)),
  )
  t.regex(dataset.description, /skipped: 3/)
  const late = await openQuietly(folderOf({ 'a/1.npy': ramp(2, 2), 'a/2.npy': 'broken' }), { measure: false })
  t.is((await late.get(0)).input.shape[0], 2)
  const error = await failsWith(t, 'ERR_DATA', async () => {
    for await (const batch of new DataLoader(late)) t.truthy(batch)
  })
  t.is(error.details.path, late.source(1).path)
  const all = folderOf({ 'a/1.npy': 'x', 'a/2.npy': 'y' })
  await failsWith(t, 'ERR_DATA', () => openQuietly(all, { onError: 'skip' }))
})

test('what a user meets first says what to do', async (t) => {
  const empty = folderOf({})
  await refusesFile(t, empty, () => openQuietly(empty), { message: /a folder for each class/ })
  await refusesFile(t, '/nowhere/clips', () => openQuietly('/nowhere/clips'), { message: /ENOENT/ })
  const flat = folderOf({ 'one.npy': ramp(2, 1) })
  await refusesFile(t, flat, () => openQuietly(flat), { message: /no clip, but 1 other files/ })
  const mixed = folderOf({ 'a/1.npy': ramp(2, 1), 'a/1.csv': '1\n2\n' })
  await refusesFile(t, mixed, () => openQuietly(mixed), {
    message: /one kind in .*1 of 'table'.*1 of 'array'.*`kind` says which/,
  })
  t.is((await openQuietly(mixed, { kind: 'array' })).length, 1)
  await refusesFile(t, mixed, () => openQuietly(mixed, { kind: 'sound' }), { message: /clips of the kind 'sound'/ })
  await refusesFile(t, mixed, () => openQuietly(mixed, { kind: 'array', classes: ['b'] }), { message: /the classes b/ })
})

test('options are checked before the disk is looked at', async (t) => {
  const open = (options: unknown) => () => openQuietly('/nowhere', untyped(options))
  await refuses(t, TypeError, /Unknown option `timesteps`; did you mean `timeSteps`/, open({ timesteps: 3 }))
  await refuses(t, RangeError, /`kind`/, open({ kind: 'movie' }))
  await refuses(
    t,
    TypeError,
    /Unknown option `logMel` of clips of the kind 'frames'/,
    open({ kind: 'frames', logMel: {} }),
  )
  await refuses(t, RangeError, /`timeSteps`/, open({ timeSteps: 0 }))
  await refuses(t, RangeError, /`maxFrames`/, open({ timeSteps: 3, maxFrames: 4 }))
  await refuses(t, RangeError, /`window.size`/, open({ window: { size: 1.5 } }))
  await refuses(t, RangeError, /`fps`/, open({ fps: 0 }))
  await refuses(t, TypeError, /`cache`/, open({ cache: 3 }))
  await refuses(t, TypeError, /`print`/, open({ print: 'yes' }))
  await refuses(t, RangeError, /`onError`/, open({ onError: 'ignore' }))
  await refuses(t, RangeError, /names that differ/, open({ classes: ['a', 'a'] }))
  await refuses(t, TypeError, /`signal`/, open({ signal: {} }))
  const folder = folderOf({ 'a/1.npy': ramp(2, 1) })
  await refuses(t, TypeError, /Unknown option `size`/, () => openQuietly(folder, { size: 8 }))
})

test('an abort ends opening with its reason', async (t) => {
  const folder = folderOf(Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`a/${at}.npy`, ramp(2, 1)])))
  const controller = new AbortController()
  const reason = new Error('enough')
  const opening = openQuietly(folder, { signal: controller.signal, onProgress: () => controller.abort(reason) })
  t.is(await opening.catch((error: unknown) => error), reason)
  const before = openQuietly(folder, { signal: AbortSignal.abort(reason) })
  t.is(await before.catch((error: unknown) => error), reason)
})

test('many small files open with little memory', async (t) => {
  const folder = folderOf({})
  const bytes = ramp(2, 1)
  for (let label = 0; label < 20; label++) {
    mkdirSync(join(folder, `${label}`))
    for (let clip = 0; clip < 500; clip++) writeFileSync(join(folder, `${label}/${clip}.npy`), bytes)
  }
  const before = process.memoryUsage().rss
  const dataset = await openQuietly(folder, { measure: false })
  t.is(dataset.length, 10_000)
  const grown = process.memoryUsage().rss - before
  t.true(grown < 64 * 2 ** 20, `${grown}`)
})
