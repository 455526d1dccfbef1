/** Headers of WAV files as recorders, pipes and editors write them: what libsndfile, sox and ffmpeg read is read. */
import test from 'ava'
import { readWav } from 'zoetrope'
import { chunk, fileOf, refusesFile, riff, wavFormat } from '../../helpers/files'

const PCM = 1
const FORMAT = chunk('fmt ', wavFormat(PCM, 1, 16))
const STEREO = chunk('fmt ', wavFormat(PCM, 2, 16))
const SAMPLES = Buffer.from(Int16Array.of(16384, -16384, 8192, -32768).buffer)
const VALUES = [0.5, -0.5, 0.25, -1]
const LIST = chunk('LIST', Buffer.from('INFOISFT\u0004\0\0\0abc\0', 'latin1'))

/** A chunk `data` whose header says another length than it has. */
const data = (length: number, bytes: Uint8Array = SAMPLES): Buffer => chunk('data', bytes, length)
/** A chunk of three bytes, and the byte of padding behind it. */
const odd = (padding: number): Buffer =>
  Buffer.concat([chunk('note', Buffer.from('abc')).subarray(0, 11), Buffer.of(padding)])
const unpadded = (name: string): Buffer => chunk(name, Buffer.from('abc')).subarray(0, 11)

function ds64(dataLength: bigint, table: readonly [string, bigint][] = []): Buffer {
  const bytes = Buffer.alloc(28 + 12 * table.length)
  bytes.writeBigUInt64LE(dataLength, 8)
  bytes.writeUInt32LE(table.length, 24)
  for (const [index, [id, length]] of table.entries()) {
    bytes.write(id, 28 + 12 * index, 'latin1')
    bytes.writeBigUInt64LE(length, 32 + 12 * index)
  }
  return chunk('ds64', bytes)
}

function form(name: string, file: Buffer): Buffer {
  file.write(name, 0, 'latin1')
  return file
}

const UNKNOWN = 0xffffffff
const files: [string, Buffer, number[]][] = [
  ['a recorder that was killed', riff([FORMAT, data(0)], 36), VALUES],
  ['a recorder that was killed before it wrote any length', riff([FORMAT, data(0)], 0), VALUES],
  ['a recorder that was killed, with a chunk before the data', riff([LIST, FORMAT, LIST, data(0)], 8), VALUES],
  ['a recorder that was killed within a frame', riff([STEREO, data(0).subarray(0, 15)], 0), [0.5, -0.5]],
  ['a pipe from ffmpeg', riff([FORMAT, LIST, data(UNKNOWN)], UNKNOWN), VALUES],
  ['a pipe from sox', riff([FORMAT, data(0x7ffff000)], 0x7ffff024), VALUES],
  ['a pipe from arecord', riff([FORMAT, data(0x80000000)], 0x80000024), VALUES],
  ['data that ends within a frame', riff([STEREO, data(6, SAMPLES.subarray(0, 6))]), [0.5, -0.5]],
  [
    'data that ends within a frame, and a chunk behind',
    riff([STEREO, data(6, SAMPLES.subarray(0, 6)), LIST]),
    [0.5, -0.5],
  ],
  ['data some bytes shorter than its header says', riff([FORMAT, data(12)]), VALUES],
  ['data longer than its header says', riff([FORMAT, data(4)]), VALUES.slice(0, 2)],
  ['a length of the file that is too small', riff([FORMAT, data(8), LIST], 4), VALUES],
  ['a length of the file that is too large', riff([FORMAT, data(8), LIST], 5000), VALUES],
  [
    'chunks before the format and behind the data',
    riff([
      odd(0),
      chunk('JUNK', new Uint8Array(28)),
      chunk('bext', new Uint8Array(602)),
      FORMAT,
      chunk('PAD ', new Uint8Array(4)),
      data(8),
      LIST,
    ]),
    VALUES,
  ],
  ['padding that is missing, before the data', riff([FORMAT, unpadded('note'), data(8)]), VALUES],
  [
    'padding that is missing, and data whose length reads as a letter',
    riff([FORMAT, unpadded('LIST'), data(0x41, Buffer.concat([SAMPLES, Buffer.alloc(57)]))]),
    [...VALUES, ...new Float32Array(28)],
  ],
  ['padding that is no zero', riff([FORMAT, odd(0x20), data(8)]), VALUES],
  ['an empty recording with chunks behind it', riff([FORMAT, data(0, new Uint8Array()), LIST, odd(0)]), []],
  ['an empty recording', riff([FORMAT, data(0, new Uint8Array())]), []],
  ['RF64', form('RF64', riff([ds64(4n), FORMAT, data(UNKNOWN)], UNKNOWN)), VALUES.slice(0, 2)],
  [
    'BW64, with a long chunk in its table',
    form(
      'BW64',
      riff([
        ds64(8n, [['LIST', BigInt(LIST.length - 8)]]),
        FORMAT,
        chunk('LIST', LIST.subarray(8), UNKNOWN),
        data(UNKNOWN),
      ]),
    ),
    VALUES,
  ],
  ['RF64 whose recorder was killed', form('RF64', riff([ds64(0n), FORMAT, data(UNKNOWN)], UNKNOWN)), VALUES],
  ['RF64 with a length of 2⁶⁴ - 1', form('RF64', riff([ds64(2n ** 64n - 1n), FORMAT, data(UNKNOWN)], UNKNOWN)), VALUES],
  ['RF64 whose data says its length itself', form('RF64', riff([ds64(0n), FORMAT, data(4)])), VALUES.slice(0, 2)],
]
for (const [title, file, expected] of files) {
  test(`read: ${title}`, async (t) => {
    const { data: values, frames, channels } = await readWav(fileOf(file, '.wav'))
    t.deepEqual([...values], expected)
    t.is(frames * channels, expected.length)
  })
}

test('a recording that is said to be there, and is not, is never an empty one', async (t) => {
  for (const length of [1, 8, 0x7ffff000, UNKNOWN]) {
    for (const there of [0, 1, 3]) {
      const path = fileOf(Buffer.concat([riff([STEREO]), data(length, new Uint8Array()), Buffer.alloc(there)]))
      await refusesFile(t, path, () => readWav(path), { offset: 44, message: /a whole frame of 4 bytes/ })
    }
  }
})
