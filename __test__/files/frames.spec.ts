/** Images as clips. */
import { copyFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CnnLstm, DataLoader } from 'zoetrope'
import { folderOf, openQuietly, png } from '../helpers/clips'
import { failsWith } from '../helpers/expect'
import { refusesFile } from '../helpers/files'
import { internal } from '../helpers/internals'
import { fixture } from '../helpers/media'

/** A grey image whose pixels all have one value. */
const grey = (value: number, width = 4, height = 3): Buffer => png(width, height, 1, () => value)

test('a folder of frames is a clip, in natural order; an image in its class folder a clip of one frame', async (t) => {
  const folder = folderOf({
    'wave/take1/frame2.png': grey(20),
    'wave/take1/frame10.png': grey(100),
    'wave/take1/frame1.png': grey(10),
    'wave/take1/notes.txt': 'x',
    'nod/only.png': grey(7),
  })
  const dataset = await openQuietly(folder)
  t.deepEqual(dataset.input, { channels: 1, height: 3, width: 4 })
  t.deepEqual([dataset.lengthOf(0), dataset.lengthOf(1)], [1, 3])
  const { input } = await dataset.get(1)
  t.deepEqual(input.shape, [3, 1, 3, 4])
  t.true(input.data instanceof Uint8Array)
  t.deepEqual([input.data[0], input.data[12], input.data[24]], [10, 20, 100])
  t.deepEqual((await dataset.get(0)).input.shape, [1, 1, 3, 4])
})

test('colours are channel-major; grey and RGB become one another', async (t) => {
  const colours = png(2, 1, 3, (x, _y, c) => 100 * x + 10 * c)
  const folder = folderOf({ 'a/1.png': colours, 'b/1.png': png(2, 1, 1, (x) => 100 * x) })
  const read = async (channels?: 1 | 3): Promise<number[][]> => {
    const dataset = await openQuietly(folder, channels === undefined ? {} : { channels })
    return Promise.all([0, 1].map(async (index) => Array.from((await dataset.get(index)).input.data)))
  }
  t.deepEqual(await read(), [
    [0, 100, 10, 110, 20, 120],
    [0, 100, 0, 100, 0, 100],
  ])
  // 0.299 red + 0.587 green + 0.114 blue, rounded
  t.deepEqual(await read(1), [
    [8, 108],
    [0, 100],
  ])
})

test('JPEG is decoded and turned upright: as Pillow does it, within 2 of 255', async (t) => {
  const folder = folderOf({ 'a/x.txt': '' })
  copyFileSync(fixture('turned.jpg'), join(folder, 'a/turned.jpg'))
  const dataset = await openQuietly(folder)
  t.deepEqual(dataset.input, { channels: 3, height: 31, width: 20 })
  const { data } = (await dataset.get(0)).input
  const expected = fixture.bytes('turned.jpg.rgb') //      [height, width, channels]
  const differences = Array.from(data, (value, at) => {
    const [channel, pixel] = [Math.floor(at / 620), at % 620]
    return Math.abs(value - (expected[3 * pixel + channel] ?? 0))
  })
  t.true(Math.max(...differences) <= 2, `${Math.max(...differences)}`)
})

test('size resizes: fit has edges, fill the middle, stretch all; without it another size is refused', async (t) => {
  const wide = png(8, 4, 1, (x) => (x < 2 || x >= 6 ? 0 : 200))
  const folder = folderOf({ 'a/1.png': wide, 'a/2.png': grey(50, 4, 4) })
  const first = async (resize: 'fit' | 'fill' | 'stretch'): Promise<number[]> => {
    const dataset = await openQuietly(folder, { size: 4, resize, filter: 'box' })
    t.deepEqual(dataset.input, { channels: 1, height: 4, width: 4 })
    return Array.from((await dataset.get(0)).input.data)
  }
  t.deepEqual(await first('fill'), Array<number>(16).fill(200))
  t.deepEqual((await first('stretch')).slice(0, 4), [0, 200, 200, 0])
  t.deepEqual(await first('fit'), [
    ...Array<number>(4).fill(0),
    0,
    200,
    200,
    0,
    0,
    200,
    200,
    0,
    ...Array<number>(4).fill(0),
  ])
  const strict = await openQuietly(folder)
  await refusesFile(t, join(folder, 'a/2.png'), () => strict.get(1), { message: /8 × 4 pixels.*4 × 4; set `size`/ })
  const toFirst = await openQuietly(folder, { resize: 'stretch' })
  t.deepEqual((await toFirst.get(1)).input.shape, [1, 1, 4, 8])
})

test('damaged, empty and wrongly named images are named', async (t) => {
  const whole = grey(1, 40, 40)
  const folder = folderOf({
    'a/0.png': grey(1, 40, 40),
    'a/1.png': whole.subarray(0, whole.length - 20),
    'a/2.png': '',
    'a/3.jpg': 'GIF89a',
    'a/4.jpg': fixture.bytes('444.jpg').subarray(0, 900),
  })
  const dataset = await openQuietly(folder)
  for (const [index, message] of [
    [1, /a whole PNG/],
    [2, /an empty file/],
    [3, /a JPEG or a PNG.*47 49 46 38/],
    [4, /a whole JPEG/],
  ] as const) {
    await refusesFile(t, dataset.source(index).path, () => dataset.get(index), { message })
  }
  const skipping = await openQuietly(folder, { onError: 'skip' })
  t.deepEqual([skipping.length, skipping.skipped.length], [1, 4])
})

/** Counts the clips of images that are decoded until the function that it gives is called. */
function countDecoding(): () => number {
  const { native } = internal('native') as { native: () => { decodeImages: (...args: unknown[]) => unknown } }
  const addon = native()
  const { decodeImages } = addon
  let count = 0
  addon.decodeImages = (...args) => {
    count++
    return decodeImages(...args)
  }
  return () => {
    addon.decodeImages = decodeImages
    return count
  }
}

test.serial('the second epoch does not decode: from memory, and from a file where memory is full', async (t) => {
  for (const cache of [true, { memory: 0 }, { memory: 30 }]) {
    const folder = folderOf({ 'a/k/1.png': grey(10), 'a/k/2.png': grey(20), 'b/k/1.png': grey(30) })
    const dataset = await openQuietly(folder, { cache })
    const epoch = async (): Promise<number[][]> => {
      const seen: number[][] = []
      for await (const { inputs } of new DataLoader(dataset, { batchSize: 1 })) seen.push(Array.from(inputs.data))
      return seen
    }
    const first = await epoch()
    t.deepEqual(
      first.map((clip) => [clip[0], clip.at(-1)]),
      [
        [10, 20],
        [30, 30],
      ],
    )
    const decoded = countDecoding()
    t.deepEqual(await epoch(), first)
    const { input } = await dataset.get(0)
    input.data.fill(0) //                       the array is the caller's own
    t.deepEqual(await epoch(), first)
    t.is(decoded(), 0)
    await dataset.close()
  }
  const folder = folderOf({ 'a/1.png': grey(10) })
  const dataset = await openQuietly(folder)
  t.is((await dataset.get(0)).input.data[0], 10)
  writeFileSync(join(folder, 'a/1.png'), grey(99))
  utimesSync(join(folder, 'a/1.png'), 1, 1)
  t.is((await dataset.get(0)).input.data[0], 99) //            a file that has changed is read again
  const times = statSync(join(folder, 'a/1.png'))
  writeFileSync(join(folder, 'a/1.png'), grey(98))
  utimesSync(join(folder, 'a/1.png'), times.atime, times.mtime) // as a copy that keeps the time, of the same size
  t.is((await dataset.get(0)).input.data[0], 98)
  writeFileSync(join(folder, 'a/1.png'), grey(99))
  const uncached = await openQuietly(folder, { cache: false })
  t.is((await uncached.get(0)).input.data[0], 99)
  writeFileSync(join(folder, 'a/1.png'), 'broken')
  await failsWith(t, 'ERR_DATA', () => uncached.get(0))
})

test('a frame of a folder that is written over, added or taken away is noticed', async (t) => {
  const folder = folderOf({ 'a/k/1.png': grey(10), 'a/k/2.png': grey(20) })
  const dataset = await openQuietly(folder, { cache: true })
  const clip = async (): Promise<number[]> => {
    const { data, shape } = (await dataset.get(0)).input
    return Array.from({ length: shape[0]! }, (_, frame) => data[(frame * data.length) / shape[0]!]!)
  }
  t.deepEqual(await clip(), [10, 20])
  writeFileSync(join(folder, 'a/k/2.png'), grey(21)) //          the folder itself keeps its time
  t.deepEqual(await clip(), [10, 21])
  writeFileSync(join(folder, 'a/k/3.png'), grey(30))
  t.deepEqual(await clip(), [10, 21, 30])
  rmSync(join(folder, 'a/k/1.png'))
  t.deepEqual(await clip(), [21, 30])
  await dataset.close()
})

test.serial('a file that changes while it is read is not kept', async (t) => {
  const folder = folderOf({ 'a/k/1.png': grey(10) })
  const dataset = await openQuietly(folder)
  const { native } = internal('native') as { native: () => { decodeImages: (...args: unknown[]) => unknown } }
  const addon = native()
  const { decodeImages } = addon
  addon.decodeImages = async (...args) => {
    addon.decodeImages = decodeImages
    const read = await decodeImages(...args)
    writeFileSync(join(folder, 'a/k/1.png'), grey(11)) //   behind the reading, before it is kept
    return read
  }
  t.is((await dataset.get(0)).input.data[0], 10)
  t.is((await dataset.get(0)).input.data[0], 11)
  await dataset.close()
})

test('a model saves how its inputs were made, and reads a file by itself', async (t) => {
  const half = (isLeft: boolean): Buffer => png(16, 16, 3, (x) => (x < 8 === isLeft ? 220 : 20))
  const folder = folderOf({ 'left/c/1.png': half(true), 'left/c/2.png': half(true), 'right/c/1.png': half(false) })
  const dataset = await openQuietly(folder, { size: 8, channels: 1, timeSteps: 2 })
  const { input, classes, preprocessing } = dataset
  await using model = await CnnLstm.create({ input, classes, preprocessing, cnn: [{ outChannels: 4 }], seed: 0 })
  const path = join(folder, 'model.safetensors')
  await model.save(path)
  await using loaded = await CnnLstm.load(path)
  t.deepEqual(loaded.config.preprocessing, preprocessing)
  const { data, shape } = (await dataset.get(0)).input
  const [expected] = await model.predict({ data, shape: [1, ...shape] })
  t.deepEqual(await loaded.predictFile(join(folder, 'left/c')), [expected])
  await refusesFile(t, folder, () => loaded.predictFile(folder))
  await refusesFile(t, path, () => loaded.predictFile(path))
  await refusesFile(t, '/nowhere.png', () => loaded.predictFile('/nowhere.png'))
  await using plain = await CnnLstm.create({ input, classes })
  const error = await failsWith(t, 'ERR_INVALID_CONFIG', () => plain.predictFile(path))
  t.regex(error.message, /preprocessing: dataset.preprocessing/)
  const reason = new Error('enough')
  const aborted = loaded.predictFile(join(folder, 'left/c'), { signal: AbortSignal.abort(reason) })
  t.is(await aborted.catch((thrown: unknown) => thrown), reason)
})
