/** Recordings as clips. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { logMel, readWav } from 'zoetrope'
import { folderOf, openQuietly, tone, wav } from '../helpers/clips'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { refusesFile } from '../helpers/files'
import { fixture } from '../helpers/media'

test('a recording is its log-mel frames, those of logMel; lengths come from headers', async (t) => {
  const folder = folderOf({ 'low/1.wav': wav(tone(300, 0.5)), 'high/1.wav': wav(tone(900, 0.7)) })
  const dataset = await openQuietly(folder)
  t.deepEqual(dataset.classes, ['high', 'low'])
  t.deepEqual(dataset.input, { features: 40 })
  t.deepEqual([dataset.lengthOf(0), dataset.lengthOf(1)], [71, 51])
  t.deepEqual((await dataset.get(1)).input, await logMel(await readWav(join(folder, 'low/1.wav'))))
  const own = await openQuietly(folder, { logMel: { mels: 20, hopLength: 160 } })
  t.deepEqual((await own.get(1)).input.shape, [26, 20])
  const raw = await openQuietly(folder, { logMel: false, maxFrames: 100 })
  t.deepEqual((await raw.get(1)).input, {
    data: (await readWav(join(folder, 'low/1.wav'))).data.slice(0, 100),
    shape: [100, 1],
  })
  const windows = await openQuietly(folder, { window: { size: 0.3, step: 0.1 }, unit: 'seconds' })
  t.deepEqual([windows.length, windows.lengthOf(0)], [5 + 3, 30])
})

test('FLAC, MP3 and Ogg, with what they say of their length', async (t) => {
  for (const [name, rate] of [
    ['chirp.flac', 8000],
    ['chirp.mp3', 16000],
    ['chirp.ogg', 8000],
  ] as const) {
    const folder = folderOf({ 'a/x.txt': '' })
    copyFileSync(fixture(name), join(folder, 'a', name))
    const dataset = await openQuietly(folder, { logMel: false })
    const expected = fixture.bytes(`${name}.f32`)
    const floats = new Float32Array(expected.buffer, expected.byteOffset, expected.length / 4)
    const frames = floats.length / 2
    t.is(dataset.preprocessing.kind === 'sound' && dataset.preprocessing.sampleRate, rate)
    t.is(dataset.lengthOf(0), frames)
    const { data, shape } = (await dataset.get(0)).input
    t.deepEqual(shape, [frames, 2])
    const differences = floats.map((value, at) =>
      Math.abs(value - (data[2 * (at % frames) + Math.floor(at / frames)] ?? 0)),
    )
    t.true(Math.max(...differences) < 1e-4, name)
  }
})

test('recordings of another sample rate are brought to that of the first, or to the one that is asked for', async (t) => {
  const low = (rate: number): Buffer => wav(tone(300, 0.3, rate), rate)
  const folder = folderOf({ 'a/0.wav': low(8000), 'a/1.wav': low(16000), 'a/2.wav': low(11025) })
  for (const sampleRate of [undefined, 8000]) {
    const dataset = await openQuietly(folder, { logMel: false, ...(sampleRate && { sampleRate }) })
    const first = (await dataset.get(0)).input
    for (const index of [1, 2]) {
      t.is(dataset.lengthOf(index), index === 1 ? 2400 : 2401)
      const { data, shape } = (await dataset.get(index)).input
      t.deepEqual(shape, [dataset.lengthOf(index), 1])
      // The ends know nothing of what comes before and after them.
      const differences = Array.from({ length: 2000 }, (_, at) => Math.abs(data[200 + at]! - first.data[200 + at]!))
      t.true(Math.max(...differences) < 2e-3, `${Math.max(...differences)}`)
    }
  }
  const higher = await openQuietly(folder, { sampleRate: 16000 })
  t.is(higher.preprocessing.kind === 'sound' && higher.preprocessing.logMel?.hopLength, 160)
  t.deepEqual((await higher.get(1)).input, await logMel(await readWav(join(folder, 'a/1.wav'))))
  t.deepEqual([higher.lengthOf(0), higher.lengthOf(1)], [31, 31])
  await refuses(t, RangeError, /`sampleRate`/, () => openQuietly(folder, { sampleRate: 0 }))
})

test('an empty or damaged recording is named', async (t) => {
  const flac = fixture.bytes('chirp.flac')
  const folder = folderOf({
    'a/0.wav': wav(tone(300, 0.1)),
    'a/1.wav': wav([]),
    'a/2.flac': flac.subarray(0, flac.length - 300),
    'a/3.mp3': 'no sound',
  })
  const dataset = await openQuietly(folder, { measure: false })
  for (const [index, message] of [
    [1, /an empty recording/],
    [2, /recording|samples/],
    [3, /FLAC, MP3, or Vorbis in Ogg/],
  ] as const) {
    await refusesFile(t, dataset.source(index).path, () => dataset.get(index), { message })
  }
  const skipping = await openQuietly(folder, { onError: 'skip' })
  t.is(skipping.length, 1)
  await refuses(t, TypeError, /Unknown option `logMel.bands`/, () =>
    openQuietly(folder, untyped({ logMel: { bands: 3 } })),
  )
  await refuses(t, RangeError, /`logMel.mels`/, () => openQuietly(folder, { logMel: { mels: 0 } }))
  await failsWith(t, 'ERR_DATA', () => openQuietly(folder, { kind: 'frames' }))
})
