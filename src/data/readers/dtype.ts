import { endianness } from 'node:os'
import { decodeText, MAX_CHARACTERS } from './text'
import { allocate, inPieces } from './pieces'
import type { Place } from './file-error'

/** Types of NumPy that are read, by NumPy's names. */
export type DtypeName =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'str'

/** Values of an array as they are in the file: bool as 0 and 1, float16 as float32, text as strings. */
export type NpyData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[]

/** How one value lies in the file. */
export interface Dtype {
  readonly name: DtypeName
  /** Bytes of one value. */
  readonly size: number
  /** Bytes of one number of a value: a character of text, else the value itself. */
  readonly unit: 1 | 2 | 4 | 8
  /** Whether the bytes of a unit come in the other order than this machine's. */
  readonly isForeign: boolean
  /**
   * The values of `bytes`, a buffer of its own that may be changed and whose units are in this machine's order. Types
   * that are no typed array of their own are converted piece by piece.
   */
  decode(bytes: Uint8Array<ArrayBuffer>, place: Place): Promise<NpyData>
}

interface NumberType {
  readonly name: DtypeName
  readonly unit: 1 | 2 | 4 | 8
  readonly decode: Dtype['decode']
}

type Kind = new (buffer: ArrayBuffer) => NpyData

const plain = (name: DtypeName, unit: 1 | 2 | 4 | 8, kind: Kind): NumberType => ({
  name,
  unit,
  decode: async ({ buffer }) => new kind(buffer),
})

const NUMBERS: Readonly<Record<string, NumberType>> = {
  b1: { name: 'bool', unit: 1, decode: decodeBools },
  u1: plain('uint8', 1, Uint8Array),
  i1: plain('int8', 1, Int8Array),
  u2: plain('uint16', 2, Uint16Array),
  i2: plain('int16', 2, Int16Array),
  u4: plain('uint32', 4, Uint32Array),
  i4: plain('int32', 4, Int32Array),
  u8: plain('uint64', 8, BigUint64Array),
  i8: plain('int64', 8, BigInt64Array),
  f2: { name: 'float16', unit: 2, decode: decodeHalves },
  f4: plain('float32', 4, Float32Array),
  f8: plain('float64', 8, Float64Array),
}

/** What {@link parseDtype} accepts, for messages. */
export const KNOWN_DTYPES = `${Object.keys(NUMBERS).join(', ')} or U1 to U${MAX_CHARACTERS}`

const DESCRIPTION = /^([<>|=]?)([a-zA-Z])(\d{1,9})$/
const HOST = endianness() === 'LE' ? '<' : '>'
const BYTES_PER_CHARACTER = 4 //      NumPy's text is UCS-4

/** Reads NumPy's short form of a type, such as `<f4`; `undefined` for what is not read. */
export function parseDtype(description: string): Dtype | undefined {
  const [, order = '', kind = '', count = ''] = DESCRIPTION.exec(description) ?? []
  const isForeign = (order === '<' || order === '>') && order !== HOST
  if (kind === 'U') return textType(Number(count), isForeign)
  const number = NUMBERS[`${kind}${count}`]
  return number && { ...number, size: number.unit, isForeign }
}

/** The values of `bytes` as they lie in a file, which may be changed. */
export async function decodeValues(bytes: Uint8Array<ArrayBuffer>, dtype: Dtype, place: Place): Promise<NpyData> {
  if (dtype.isForeign) await inPieces(bytes.length, (start, end) => swapUnits(bytes.subarray(start, end), dtype.unit))
  return dtype.decode(bytes, place)
}

function textType(characters: number, isForeign: boolean): Dtype | undefined {
  if (characters < 1 || characters > MAX_CHARACTERS) return undefined
  const decode: Dtype['decode'] = async (bytes, place) => decodeText(new Uint32Array(bytes.buffer), characters, place)
  return { name: 'str', size: characters * BYTES_PER_CHARACTER, unit: BYTES_PER_CHARACTER, isForeign, decode }
}

/** Whatever is not 0 is true. */
async function decodeBools(bytes: Uint8Array): Promise<Uint8Array> {
  await inPieces(bytes.length, (start, end) => {
    for (let at = start; at < end; at++) if (bytes[at] !== 0) bytes[at] = 1
  })
  return bytes
}

async function decodeHalves({ buffer }: Uint8Array<ArrayBuffer>, place: Place): Promise<Float32Array> {
  const [table, halves] = [halfTable(), new Uint16Array(buffer)]
  const values = allocate(place, Float32Array, halves.length)
  await inPieces(halves.length, (start, end) => {
    for (let at = start; at < end; at++) values[at] = table[halves[at] ?? 0] ?? 0
  })
  return values
}

function swapUnits(bytes: Uint8Array, unit: Dtype['unit']): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (unit === 2) buffer.swap16()
  if (unit === 4) buffer.swap32()
  if (unit === 8) buffer.swap64()
}

let allHalves: Float32Array | undefined

/** All 65,536 float16 as float32, by their bits. */
function halfTable(): Float32Array {
  if (allHalves !== undefined) return allHalves
  allHalves = new Float32Array(2 ** 16)
  for (let bits = 0; bits < allHalves.length; bits++) allHalves[bits] = halfToFloat(bits)
  return allHalves
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
