import test from 'ava'
import { readWav } from 'zoetrope'
import { chunk, fileOf, refusesEveryCut, refusesFile, riff, wavFormat } from '../../helpers/files'
import { seeded } from '../../helpers/random'

const PCM = 1
const FLOAT = 3
const EXTENSIBLE = 0xfffe
const REST = '000000001000800000aa00389b71'

const wav = (format: Buffer, data: Uint8Array): Buffer => riff([chunk('fmt ', format), chunk('data', data)])
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)
const MONO = wav(wavFormat(PCM, 1, 16), Uint8Array.of(0, 0, 255, 127, 0, 128, 0, 64))

const encodings: [string, Buffer, number[], object][] = [
  ['8 bits', wav(wavFormat(PCM, 1, 8), Uint8Array.of(128, 0, 255)), [0, -1, 127 / 128], { bitsPerSample: 8 }],
  ['16 bits', MONO, [0, 32767 / 32768, -1, 0.5], { bitsPerSample: 16, encoding: 'integer' }],
  [
    '24 bits',
    wav(wavFormat(PCM, 1, 24), Uint8Array.of(0, 0, 0x40, 0, 0, 0x80, 1, 0, 0, 255, 255, 255)),
    [0.5, -1, 2 ** -23, -(2 ** -23)],
    { bitsPerSample: 24 },
  ],
  ['32 bits', wav(wavFormat(PCM, 1, 32), new Uint8Array(Int32Array.of(-(2 ** 31), 2 ** 29).buffer)), [-1, 0.25], {}],
  ['32-bit floats', wav(wavFormat(FLOAT, 1, 32), floats(0.1, -2)), [Math.fround(0.1), -2], { encoding: 'float' }],
  [
    '64-bit floats',
    wav(wavFormat(FLOAT, 1, 64), new Uint8Array(Float64Array.of(0.1, -0.5).buffer)),
    [Math.fround(0.1), -0.5],
    { bitsPerSample: 64 },
  ],
  ['extensible integers', wav(wavFormat(EXTENSIBLE, 1, 16, `0100${REST}`), Uint8Array.of(0, 64)), [0.5], {}],
  ['extensible floats', wav(wavFormat(EXTENSIBLE, 1, 32, `0300${REST}`), floats(0.25)), [0.25], { encoding: 'float' }],
]
for (const [title, file, expected, facts] of encodings) {
  test(`read: ${title}`, async (t) => {
    const { data, ...rest } = await readWav(fileOf(file))
    t.deepEqual(data, Float32Array.from(expected))
    t.like(rest, { sampleRate: 8000, channels: 1, frames: expected.length, shape: [1, expected.length], ...facts })
  })
}

test('channels come one after the other', async (t) => {
  const { data, shape } = await readWav(fileOf(wav(wavFormat(FLOAT, 2, 32), floats(1, -1, 2, -2, 3, -3))))
  t.deepEqual({ data, shape }, { data: Float32Array.of(1, 2, 3, -1, -2, -3), shape: [2, 3] })
})

test('other chunks are skipped, with their padding; what lies behind the end is not read', async (t) => {
  const [format, list] = [chunk('fmt ', wavFormat(PCM, 1, 8)), chunk('LIST', Uint8Array.of(1, 2, 3))]
  const file = riff([list, format, list, chunk('data', Uint8Array.of(0, 128, 0)), list])
  t.deepEqual((await readWav(fileOf(Buffer.concat([file, Buffer.from('???')])))).data, Float32Array.of(-1, 0, -1))
  const unpadded = riff([format, chunk('data', Uint8Array.of(0)).subarray(0, 9)])
  t.deepEqual((await readWav(fileOf(unpadded))).data, Float32Array.of(-1))
})

test('no samples are a recording of length 0', async (t) => {
  t.like(await readWav(fileOf(wav(wavFormat(PCM, 2, 16), new Uint8Array()))), { frames: 0, shape: [2, 0] })
})

test('a file that is cut off has the whole frames that are there, and is refused where there is none', async (t) => {
  await refusesEveryCut(t, MONO.subarray(0, 46), readWav)
  for (let length = 46; length <= MONO.length; length++) {
    const { data, frames } = await readWav(fileOf(MONO.subarray(0, length)))
    t.is(frames, Math.floor((length - 44) / 2))
    t.deepEqual(data, Float32Array.of(0, 32767 / 32768, -1, 0.5).slice(0, frames))
  }
})

const changed = (offset: number, ...values: number[]): Buffer => {
  const file = Buffer.from(MONO)
  file.set(values, offset)
  return file
}
const malformed: [string, Buffer, number, RegExp][] = [
  ['an empty file', Buffer.alloc(0), 0, /12 bytes or more .* received 0$/],
  ['zeros', Buffer.alloc(100), 0, /'RIFF' at byte 0 .* received 00 00 00 00$/],
  ['RIFX', changed(0, ...Buffer.from('RIFX')), 0, /received 52 49 46 58$/],
  ['another kind of RIFF', changed(8, ...Buffer.from('AVI ')), 8, /'WAVE' at byte 8/],
  ['a chunk without a name', changed(36, 0, 0, 0, 0), 36, /the name of a chunk/],
  [
    'no whole frame',
    wav(wavFormat(PCM, 2, 16), new Uint8Array(3)),
    44,
    /a whole frame of 4 bytes .* received 3 bytes$/,
  ],
  ['data that is not there', MONO.subarray(0, 44), 44, /a whole frame of 2 bytes .* received 0 bytes$/],
  ['half a header of a chunk', MONO.subarray(0, 40), 36, /a chunk's 8 bytes .* received 4$/],
  ['a chunk beyond the file', changed(16, 255, 255, 255, 127), 20, /2147483647 bytes in chunk 'fmt ' .* received 32$/],
  ['RF64 without its lengths', changed(0, ...Buffer.from('RF64')), 12, /the chunk 'ds64' .* received 'fmt '$/],
  ['a format too short', riff([chunk('fmt ', new Uint8Array(14))]), 20, /16 bytes or more .* received 14$/],
  ['compression', changed(20, 2, 0), 20, /extensible\) at byte 20 .* received 2$/],
  ['no channels', changed(22, 0, 0), 22, /one channel or more/],
  ['no sample rate', changed(24, 0, 0, 0, 0), 24, /a sample rate above 0/],
  ['frames of another size', changed(32, 4, 0), 32, /2 bytes per frame for 1 × 16 bits .* received 4$/],
  ['12 bits', changed(34, 12, 0), 34, /8, 16, 24, 32 bits per integer .* received 12$/],
  ['floats of 16 bits', changed(20, 3, 0), 34, /32, 64 bits per float .* received 16$/],
  ['data before the format', riff([chunk('data', Uint8Array.of(1, 2))]), 12, /'fmt ' before the data/],
  ['no format', riff([chunk('LIST', Uint8Array.of(1, 2))]), 22, /a chunk 'fmt ' at byte 22/],
  ['no data', riff([chunk('fmt ', wavFormat(PCM, 1, 8))]), 36, /a chunk 'data' at byte 36/],
  ['an extensible format too short', wav(wavFormat(EXTENSIBLE, 1, 16), floats(1)), 20, /of 40 bytes .* received 16$/],
  [
    'another sub-format',
    wav(wavFormat(EXTENSIBLE, 1, 16, `0200${REST}`), floats(1)),
    44,
    /the sub-format .* received 02 00/,
  ],
  ['a sub-format of others', wav(wavFormat(EXTENSIBLE, 1, 16, '01000000aa'), floats(1)), 44, /received 01 00 00 00 aa/],
]
for (const [title, file, offset, message] of malformed) {
  test(`refused with its place: ${title}`, async (t) => {
    const path = fileOf(file, '.wav')
    await refusesFile(t, path, () => readWav(path), { offset, message })
  })
}

test('whatever bytes change, a recording comes or ERR_DATA', async (t) => {
  const random = seeded(3)
  for (let round = 0; round < 500; round++) {
    const file = Buffer.from(MONO)
    for (let change = 0; change <= random(3); change++) file[random(44)] = random(256)
    const path = fileOf(file)
    const outcome = await readWav(path).catch((error: unknown) => error)
    if (outcome instanceof Error) await refusesFile(t, path, () => Promise.reject(outcome))
  }
  t.pass()
})
