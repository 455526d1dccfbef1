/** Damage that knows the format: what headers say is changed, and the rest of the file left as it was. */
import { deflateRawSync } from 'node:zlib'
import { npy, zip } from '../../helpers/files'
import { damageBytes, writeWord } from './bytes'
import { METADATA, formatSafetensors, parseSafetensors } from './models'
import type { Random } from '../random'
import type { Damaged } from './bytes'

const NUMBERS = [
  '0',
  '-1',
  '1',
  '2',
  '1e400',
  '-0',
  '1.5',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
].concat([
  '9223372036854775808',
  '340282366920938463463374607431768211456',
  '1048576',
  '2147483647',
  'NaN',
  'null',
  'true',
  '""',
  '[]',
  '{}',
])
const TOKENS = [
  '\0',
  '\ufeff',
  '\r',
  '\r\n',
  '\n',
  '\n\n',
  '"',
  "'",
  '\\',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ',',
  ':',
  '::',
  '@',
  '@data',
  '#',
].concat([
  '?',
  '%',
  '\\u0000',
  '\\ud800',
  'é',
  '\t',
  '   ',
  'True',
  'F16',
  'BF16',
  'F64',
  'I64',
  'BOOL',
  'F8_E4M3',
  '<f4',
  '>f8',
  '|O',
  '<c16',
  '<U999999999',
])

/** Changes a number, a word or the layout of text somewhere between two offsets. */
function damageText(bytes: Buffer, start: number, end: number, random: Random): Damaged {
  const text = bytes.toString('latin1', start, end)
  const join = (changed: string): Buffer =>
    Buffer.concat([bytes.subarray(0, start), Buffer.from(changed, 'latin1'), bytes.subarray(end)])
  const way = random.below(6)
  const at = random.below(text.length + 1)
  if (way < 3) {
    const numbers = [...text.matchAll(/-?\d+(\.\d+)?/g)]
    if (numbers.length === 0) return damageBytes(bytes, random, bytes)
    const { index, 0: old } = random.pick(numbers)
    const number = random.pick(NUMBERS)
    return [
      `${old} becomes ${number} at ${start + index}`,
      join(text.slice(0, index) + number + text.slice(index + old.length)),
    ]
  }
  if (way === 3) {
    const token = random.pick(TOKENS)
    return [
      `${JSON.stringify(token)} at ${start + at}`,
      join(text.slice(0, at) + token + text.slice(at + random.below(3))),
    ]
  }
  if (way === 4) {
    const piece = text.slice(at, at + 1 + random.below(30))
    const times = random.pick([2, 100, 20_000])
    return [
      `${times} times ${JSON.stringify(piece)} at ${start + at}`,
      join(text.slice(0, at) + piece.repeat(times) + text.slice(at)),
    ]
  }
  const nested = random.pick(['[', '{"a":', '(', '{', "'", ' ', '-', '9'])
  return [`nested ${nested} at ${start + at}`, join(text.slice(0, at) + nested.repeat(100_000) + text.slice(at))]
}

function damageSafetensors(bytes: Buffer, random: Random): Damaged {
  const way = random.below(10)
  if (way === 0) return writeWord(bytes, 0, random, 8)
  const { header, data } = parseSafetensors(bytes)
  if (way < 5) {
    const [label, text] = damageText(Buffer.from(JSON.stringify(header)), 0, JSON.stringify(header).length, random)
    return [label, formatSafetensors(text.toString('latin1'), data)]
  }
  const config = header[METADATA]?.['zoetrope.config'] as string | undefined
  if (way < 8 && config !== undefined) {
    const [label, text] = damageText(Buffer.from(config), 0, config.length, random)
    header[METADATA]!['zoetrope.config'] = text.toString('latin1')
    return [`configuration: ${label}`, formatSafetensors(header, data)]
  }
  const name = random.pick(Object.keys(header))
  const tensor = header[name]!
  const changes: readonly (readonly [string, () => unknown])[] = [
    ['is lost', () => delete header[name]],
    ['comes under another name', () => (header[`${name}.x`] = tensor)],
    [
      'has another name',
      () => [
        (header[random.pick(['', '__metadata__', '__proto__', 'x'.repeat(1e5), 'a/b'])] = tensor),
        delete header[name],
      ],
    ],
    [
      'has another shape',
      () =>
        (tensor.shape = random.pick<unknown>([
          [],
          [0],
          [-1],
          [1.5],
          [2 ** 32, 2 ** 32],
          Array(100).fill(1),
          '4',
          [2 ** 53],
          [[1]],
        ])),
    ],
    [
      'has another dtype',
      () => (tensor.dtype = random.pick<unknown>(['F16', 'BF16', 'F64', 'I64', 'U8', 'BOOL', 'f32', '', null, 4])),
    ],
    [
      'has other offsets',
      () =>
        (tensor.data_offsets = random.pick<unknown>([
          [0, 0],
          [4, 0],
          [0, 2 ** 53],
          [-4, 0],
          [0],
          [0, 4, 8],
          ['0', '4'],
          [1, 65],
          [data.length, data.length + 4],
        ])),
    ],
    [
      'is one of 20,000',
      () =>
        Object.assign(
          header,
          Object.fromEntries(
            Array.from({ length: 20_000 }, (_, index) => [
              `t${index}`,
              { dtype: 'F32', shape: [0], data_offsets: [0, 0] },
            ]),
          ),
        ),
    ],
    ['is no object', () => (header[name] = random.pick<unknown>([null, 1, 'x', [], {}]) as Record<string, unknown>)],
  ]
  const [label, change] = random.pick(changes)
  change()
  return [`${name.slice(0, 40)} ${label}`, formatSafetensors(header, data)]
}

function damageNpy(bytes: Buffer, random: Random): Damaged {
  const prefix = bytes[6] === 1 ? 10 : 12
  if (random.chance(0.2)) return writeWord(bytes, random.pick([6, 8, 10]), random)
  const length = bytes.readUInt16LE(8)
  const [label, changed] = damageText(bytes, prefix, prefix + length, random)
  const isLengthRight = random.chance(0.7)
  const grown = length + changed.length - bytes.length
  if (isLengthRight && grown >= 0 && grown < 2 ** 16) changed.writeUInt16LE(grown, 8)
  return [label, changed]
}

const ENTRY = [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 30, 32, 34, 36, 38, 42]
const END = [4, 6, 8, 10, 12, 16, 20]
const LOCAL = [4, 6, 8, 10, 14, 18, 22, 26, 28]
const END_64 = [4, 12, 14, 16, 20, 24, 32, 40, 48]

function damageZip(bytes: Buffer, random: Random): Damaged {
  if (random.chance(0.05)) return bomb(random)
  const [signature, offsets, name] = random.pick([
    ['PK\x01\x02', ENTRY, 'directory'] as const,
    ['PK\x01\x02', ENTRY, 'directory'] as const,
    ['PK\x05\x06', END, 'end'] as const,
    ['PK\x03\x04', LOCAL, 'local header'] as const,
    ['PK\x06\x06', END_64, 'end of zip64'] as const,
  ])
  const starts: number[] = []
  for (let at = bytes.indexOf(signature, 0, 'latin1'); at >= 0; at = bytes.indexOf(signature, at + 1, 'latin1'))
    starts.push(at)
  if (starts.length === 0) return damageBytes(bytes, random, bytes)
  const offset = random.pick(offsets)
  const [label, changed] = writeWord(bytes, random.pick(starts) + offset, random, random.pick([2, 4, 4] as const))
  return [`${name}[${offset}]: ${label}`, changed]
}

/** Entries that unpack to far more than the file, honestly declared or not. */
function bomb(random: Random): Damaged {
  const size = 2 ** 27
  const inner = npy('|u1', [4, size / 4], Buffer.alloc(size - 128))
  packed ??= deflateRawSync(inner)
  const declared = random.pick([inner.length, 2 ** 40, 128, 0])
  const name = random.pick(['x.npy', 'y.npy'])
  const count = random.pick([1, 30])
  const entries = Array.from({ length: count }, (_, index) => ({
    name: index === 0 ? name : `${index}.npy`,
    bytes: packed!,
    method: 8,
    size: declared,
  }))
  return [`${count} bombs of ${declared} bytes declared`, zip(entries)]
}

let packed: Buffer | undefined

function damageWav(bytes: Buffer, random: Random): Damaged {
  const starts = ['RIFF', 'fmt ', 'LIST', 'data'].map((id) => bytes.indexOf(id, 0, 'latin1')).filter((at) => at >= 0)
  const at = random.pick(starts)
  const isFormat = bytes.toString('latin1', at, at + 4) === 'fmt '
  return writeWord(
    bytes,
    at + (isFormat ? random.pick([0, 4, 8, 10, 12, 16, 20, 22, 24, 32]) : random.pick([0, 4, 8])),
    random,
  )
}

/** One piece of damage that fits the file's kind, or any. */
export function damage(name: string, bytes: Buffer, random: Random, other: Buffer): Damaged {
  if (random.chance(0.35)) return damageBytes(bytes, random, other)
  if (name.endsWith('.safetensors')) return damageSafetensors(bytes, random)
  if (name.endsWith('.npy')) return damageNpy(bytes, random)
  if (name.endsWith('.npz')) return damageZip(bytes, random)
  return name.endsWith('.wav') ? damageWav(bytes, random) : damageText(bytes, 0, bytes.length, random)
}
