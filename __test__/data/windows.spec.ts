import test from 'ava'
import { windows } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'

test('a line of text becomes a clip of overlapping frames', async (t) => {
  const data = Uint8Array.from({ length: 2 * 5 }, (_, at) => at)
  const clip = await windows({ data, shape: [1, 2, 5] }, { size: 3, step: 2, axis: -1 })
  t.deepEqual(clip, { data: Uint8Array.of(0, 1, 2, 5, 6, 7, 2, 3, 4, 7, 8, 9), shape: [2, 1, 2, 3] })
})

test('a recording becomes a batch of clips; what is left is dropped, or filled up', async (t) => {
  const recording = { data: Float32Array.from({ length: 10 }, (_, at) => at), shape: [5, 2] }
  const dropped = await windows(recording, { size: 2 })
  t.deepEqual(dropped, { data: Float32Array.from({ length: 8 }, (_, at) => at), shape: [2, 2, 2] })
  const filled = await windows(recording, { size: 2, pad: true })
  t.deepEqual(filled.shape, [3, 2, 2])
  t.deepEqual(filled.data.slice(8), Float32Array.of(8, 9, 0, 0))
})

test('a step may be larger than a window, and a window as long as the array', async (t) => {
  const sound = { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7), shape: [7] }
  t.deepEqual((await windows(sound, { size: 2, step: 4 })).data, Float32Array.of(1, 2, 5, 6))
  t.deepEqual((await windows(sound, { size: 7 })).shape, [1, 7])
})

test('wrong arguments are refused', async (t) => {
  const array = { data: new Float32Array(6), shape: [3, 2] }
  const cut = (options: object) => async () => windows(array, untyped(options))
  await refuses(t, TypeError, /for `size`, received undefined$/, cut({}))
  await refuses(t, RangeError, /for `size`, received 0$/, cut({ size: 0 }))
  await refuses(
    t,
    RangeError,
    /^Expected at most 3 \(axis 0 of the array\) without `pad` for `size`, received 4$/,
    cut({ size: 4 }),
  )
  await refuses(t, RangeError, /for `axis`, received 2$/, cut({ size: 1, axis: 2 }))
  await refuses(t, TypeError, /^Unknown option `stride`/, cut({ size: 1, stride: 2 }))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', async () =>
    windows({ data: new Float32Array(5), shape: [3, 2] }, { size: 1 }),
  )
})
