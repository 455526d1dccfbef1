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

test('another sample rate, an empty or damaged recording are named', async (t) => {
  const flac = fixture.bytes('chirp.flac')
  const folder = folderOf({
    'a/0.wav': wav(tone(300, 0.1)),
    'a/1.wav': wav(tone(300, 0.1, 16000), 16000),
    'a/2.wav': wav([]),
    'a/3.flac': flac.subarray(0, flac.length - 300),
    'a/4.mp3': 'no sound',
  })
  const dataset = await openQuietly(folder, { measure: false })
  for (const [index, message] of [
    [1, /8000 Hz.*16000 Hz: bring all recordings to one sample rate/],
    [2, /an empty recording/],
    [3, /recording|samples/],
    [4, /FLAC, MP3, or Vorbis in Ogg/],
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
