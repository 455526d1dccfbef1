/** Files of every kind that the package reads, small and whole, by name. */
import { chunk, npy, riff, wavFormat, zip } from '../../helpers/files'

const floats = (length: number) => Buffer.from(Float32Array.from({ length }, (_, index) => index / length).buffer)
const integers = (values: readonly number[]) => Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer)

const clips = npy('<f4', [4, 2, 1, 4, 4], floats(128))
const labels = npy('<i8', [4], integers([0, 1, 1, 0]))
const both = [
  { name: 'x.npy', bytes: clips },
  { name: 'y.npy', bytes: labels },
]

const TS = [
  '# a comment',
  '@problemName Fuzz',
  '@timeStamps false',
  '@missing true',
  '@univariate false',
  '@dimensions 2',
  '@equalLength false',
  '@classLabel true a b',
  '@data',
  '1,2,3:4,5,6:a',
  '1.5,?,-3e2:0,0,1:b',
  '7:8:a',
  '',
].join('\n')

const wav = (tag: number, channels: number, bits: number, subformat?: string) =>
  riff([
    chunk('fmt ', wavFormat(tag, channels, bits, subformat)),
    chunk('LIST', Buffer.from('INFO')),
    chunk('data', Buffer.alloc(((channels * bits) / 8) * 20, 3)),
  ])

/** An extensible format's kind: integers. */
const INTEGERS = '0100000000001000800000aa00389b71'

const dtypes = ['|b1', '|u1', '<i2', '>i4', '<u8', '<f2', '>f8', '<U3'].map(
  (dtype) =>
    [
      `${dtype.replace(/[<>|]/, '')}.npy`,
      npy(dtype, [2, 3], Buffer.alloc(dtype === '<U3' ? 72 : 6 * Number(dtype[2]))),
    ] as const,
)
const fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }"

/** Names end as the readers expect; `model.safetensors` and `state.safetensors` are made by a model. */
export const wholeFiles: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['clips.npy', clips],
  ['x.npy', npy('<f8', [2, 3], Buffer.alloc(48, 1))],
  ['y.npy', labels],
  ['fortran.npy', npy('<f4', [2, 3], floats(6), { header: fortran })],
  ['v2.npy', npy('<f4', [6], floats(6), { version: [2, 0] })],
  ...dtypes,
  ['x.npz', zip(both)],
  ['deflated.npz', zip(both.map((file) => ({ ...file, isDeflated: true })))],
  [
    'zip64.npz',
    zip(
      both.map((file) => ({ ...file, isZip64: true })),
      { isZip64: true, comment: 'a comment' },
    ),
  ],
  ['x.ts', Buffer.from(TS)],
  ['crlf.ts', Buffer.from(TS.replaceAll('\n', '\r\n'))],
  ['x.wav', wav(1, 2, 16)],
  ['u8.wav', wav(1, 1, 8)],
  ['i24.wav', wav(1, 2, 24)],
  ['f32.wav', wav(3, 1, 32)],
  ['f64.wav', wav(3, 1, 64)],
  ['extensible.wav', wav(0xfffe, 2, 16, INTEGERS)],
]
