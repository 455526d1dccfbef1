import { endianness } from 'node:os'

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
  /** The values of `bytes`, which is a buffer of its own and may be changed. */
  decode(bytes: Uint8Array): NpyData
}

type Decode = (bytes: Uint8Array) => NpyData

const NUMBERS: Readonly<Record<string, { readonly name: DtypeName; readonly decode: Decode }>> = {
  b1: { name: 'bool', decode: (bytes) => bytes.map((byte) => (byte === 0 ? 0 : 1)) },
  u1: { name: 'uint8', decode: (bytes) => bytes },
  i1: { name: 'int8', decode: ({ buffer }) => new Int8Array(buffer) },
  u2: { name: 'uint16', decode: ({ buffer }) => new Uint16Array(buffer) },
  i2: { name: 'int16', decode: ({ buffer }) => new Int16Array(buffer) },
  u4: { name: 'uint32', decode: ({ buffer }) => new Uint32Array(buffer) },
  i4: { name: 'int32', decode: ({ buffer }) => new Int32Array(buffer) },
  u8: { name: 'uint64', decode: ({ buffer }) => new BigUint64Array(buffer) },
  i8: { name: 'int64', decode: ({ buffer }) => new BigInt64Array(buffer) },
  f2: { name: 'float16', decode: ({ buffer }) => Float32Array.from(new Uint16Array(buffer), halfToFloat) },
  f4: { name: 'float32', decode: ({ buffer }) => new Float32Array(buffer) },
  f8: { name: 'float64', decode: ({ buffer }) => new Float64Array(buffer) },
}

/** What {@link parseDtype} accepts, for messages. */
export const KNOWN_DTYPES = `${Object.keys(NUMBERS).join(', ')} or U`

const DESCRIPTION = /^([<>|=]?)([a-zA-Z])(\d{1,9})$/
const HOST = endianness() === 'LE' ? '<' : '>'
const BYTES_PER_CHARACTER = 4 //      NumPy's text is UCS-4

/** Reads NumPy's short form of a type, such as `<f4`; `undefined` for what is not read. */
export function parseDtype(description: string): Dtype | undefined {
  const [, order = '', kind = '', count = ''] = DESCRIPTION.exec(description) ?? []
  const isForeign = (order === '<' || order === '>') && order !== HOST
  if (kind === 'U') return Number(count) === 0 ? undefined : text(Number(count) * BYTES_PER_CHARACTER, isForeign)
  const number = NUMBERS[`${kind}${count}`]
  if (number === undefined) return undefined
  const { name, decode } = number
  const size = Number(count)
  return { name, size, decode: (bytes) => decode(isForeign ? swap(bytes, size) : bytes) }
}

function text(size: number, isForeign: boolean): Dtype {
  const characters = size / BYTES_PER_CHARACTER
  const decode = (bytes: Uint8Array): string[] => {
    const codes = new Uint32Array((isForeign ? swap(bytes, BYTES_PER_CHARACTER) : bytes).buffer)
    return Array.from({ length: codes.length / characters }, (_, index) =>
      toText(codes.subarray(index * characters, (index + 1) * characters)),
    )
  }
  return { name: 'str', size, decode }
}

/** Text ends at its first trailing zero; a number that is no character becomes U+FFFD. */
function toText(codes: Uint32Array): string {
  let end = codes.length
  while (end > 0 && codes[end - 1] === 0) end--
  let characters = ''
  for (const code of codes.subarray(0, end)) characters += String.fromCodePoint(code <= 0x10ffff ? code : 0xfffd)
  return characters
}

function swap(bytes: Uint8Array, size: number): Uint8Array {
  if (size === 1) return bytes
  for (let start = 0; start < bytes.length; start += size) bytes.subarray(start, start + size).reverse()
  return bytes
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
