import test from 'ava'
import { logMel } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import type { LogMelOptions, Recording } from 'zoetrope'

const RATE = 8000

/** One second of a tone. */
const tone = (hz: number): Float32Array =>
  Float32Array.from({ length: RATE }, (_, frame) => Math.sin((2 * Math.PI * hz * frame) / RATE))

/** The band that is loudest in the middle of a recording. */
async function loudest(recording: Recording, options: LogMelOptions = {}): Promise<number> {
  const { data, shape } = await logMel(recording, options)
  const [time = 0, mels = 0] = shape
  const middle = data.slice(Math.floor(time / 2) * mels, (Math.floor(time / 2) + 1) * mels)
  return middle.indexOf(Math.max(...middle))
}

test('a recording becomes [time, mels], a frame every 10 ms, whichever way its shape is written', async (t) => {
  const data = tone(440)
  const frames = await logMel({ data, shape: [RATE], sampleRate: RATE })
  t.deepEqual(frames.shape, [101, 40])
  t.deepEqual(await logMel({ data, shape: [1, RATE] }, { sampleRate: RATE }), frames)
  t.deepEqual((await logMel({ data, shape: [RATE], sampleRate: RATE }, { mels: 13, hopLength: 200 })).shape, [41, 13])
})

test('a higher tone is loudest in a higher band; silence is the floor', async (t) => {
  const bands = await Promise.all(
    [200, 400, 800, 1600, 3200].map(async (hz) => loudest({ data: tone(hz), shape: [RATE], sampleRate: RATE })),
  )
  t.deepEqual(
    bands,
    [...bands].toSorted((a, b) => a - b),
  )
  t.is(new Set(bands).size, 5)
  const { data } = await logMel({ data: new Float32Array(800), shape: [800], sampleRate: RATE }, { floor: 1e-4 })
  t.true(data.every((value) => Math.abs(value - Math.log(1e-4)) < 1e-5))
})

test('channels are averaged', async (t) => {
  const [left, right] = [tone(300), tone(1500)]
  const stereo = new Float32Array(2 * RATE)
  stereo.set(left)
  stereo.set(right, RATE)
  const mono = left.map((value, frame) => (value + right[frame]!) / 2)
  const options = { sampleRate: RATE }
  t.deepEqual(
    await logMel({ data: stereo, shape: [2, RATE] }, options),
    await logMel({ data: mono, shape: [RATE] }, options),
  )
})

test('wrong recordings and options are refused', async (t) => {
  const good: Recording = { data: new Float32Array(100), shape: [100], sampleRate: RATE }
  const call = (recording: unknown, options?: unknown) => async () =>
    logMel(untyped<Recording>(recording), untyped<LogMelOptions>(options))
  await refuses(t, TypeError, /for `sampleRate`, received undefined$/, call({ ...good, sampleRate: undefined }))
  await refuses(t, RangeError, /for `sampleRate`, received 0$/, call({ ...good, sampleRate: 0 }))
  await refuses(t, TypeError, /a Float32Array for `recording.data`/, call({ ...good, data: new Uint8Array(100) }))
  await refuses(t, RangeError, /for `recording.shape`/, call({ data: new Float32Array(0), shape: [0], sampleRate: 1 }))
  await refuses(t, TypeError, /did you mean `hopLength`/, call(good, { hop_length: 3 }))
  await refuses(t, RangeError, /for `mels`, received 0$/, call(good, { mels: 0 }))
  const tooHigh = await failsWith(t, 'ERR_INVALID_CONFIG', call(good, { maxFrequency: 4001 }))
  t.regex(tooHigh.message, /at most 4000 \(half the sample rate\) for `maxFrequency`, received 4001/)
  await failsWith(t, 'ERR_INVALID_CONFIG', call(good, { minFrequency: 4000 }))
  await failsWith(t, 'ERR_INVALID_CONFIG', call(good, { floor: 0 }))
  for (const floor of [3.5e38, 1e-46, 1e-39]) await failsWith(t, 'ERR_INVALID_CONFIG', call(good, { floor }))
})

test('sizes that are in range but whose product is not are refused', async (t) => {
  const recording = { data: new Float32Array(8000), shape: [8000], sampleRate: RATE }
  const call = (options: LogMelOptions) => async () => logMel(recording, options)
  await refuses(t, RangeError, /for `mels`, received 1048576$/, call({ mels: 2 ** 20, fftSize: 2 ** 20 }))
  await failsWith(t, 'ERR_INVALID_CONFIG', call({ mels: 2 ** 20, fftSize: 256, hopLength: 1 }))
  await failsWith(t, 'ERR_INVALID_CONFIG', call({ mels: 1, fftSize: 2 ** 20, hopLength: 1 }))
  const narrow = { minFrequency: 3999.9999999999995, maxFrequency: 4000 }
  await failsWith(t, 'ERR_INVALID_CONFIG', call(narrow))
})

test('frames made in several parts are those made at once', async (t) => {
  const options = { fftSize: 2 ** 16, mels: 4, sampleRate: RATE }
  const data = tone(700)
  const { data: many, shape } = await logMel({ data, shape: [RATE] }, { ...options, hopLength: 20 })
  const { data: few } = await logMel({ data, shape: [RATE] }, { ...options, hopLength: 2000 })
  t.deepEqual(shape, [401, 4])
  for (const [at, energy] of few.entries()) {
    const same = many[Math.floor(at / 4) * 100 * 4 + (at % 4)]!
    t.true(Math.abs(same - energy) < 1e-3, `${same} of many frames, ${energy} of few`)
  }
})
