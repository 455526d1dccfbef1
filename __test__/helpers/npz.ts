/** Reads what NumPy's `savez` writes: a zip of .npy files. Enough of both formats for the test data. */
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

export interface NpyArray {
  readonly data: Uint8Array | BigInt64Array
  readonly shape: number[]
}

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY_BYTES = 46
const LOCAL_HEADER_BYTES = 30
const DEFLATED = 8

/** The arrays of uint8 and int64 in the file, by name; others are left out. */
export function readNpz(path: string): Map<string, NpyArray> {
  const file = readFileSync(path)
  const arrays = new Map<string, NpyArray>()
  for (const { name, bytes } of entries(file)) {
    const array = parseNpy(bytes)
    if (array !== undefined) arrays.set(name.replace(/\.npy$/, ''), array)
  }
  return arrays
}

function* entries(file: Buffer): Generator<{ name: string; bytes: Buffer }> {
  let end = file.length - 22
  while (file.readUInt32LE(end) !== END_OF_DIRECTORY) end--
  let at = file.readUInt32LE(end + 16)
  for (let count = file.readUInt16LE(end + 10); count > 0; count--) {
    const nameLength = file.readUInt16LE(at + 28)
    const name = file.toString('utf8', at + DIRECTORY_ENTRY_BYTES, at + DIRECTORY_ENTRY_BYTES + nameLength)
    const local = file.readUInt32LE(at + 42)
    const start = local + LOCAL_HEADER_BYTES + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28)
    const packed = file.subarray(start, start + file.readUInt32LE(at + 20))
    yield { name, bytes: file.readUInt16LE(at + 10) === DEFLATED ? inflateRawSync(packed) : packed }
    at += DIRECTORY_ENTRY_BYTES + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32)
  }
}

function parseNpy(bytes: Buffer): NpyArray | undefined {
  const end = 10 + bytes.readUInt16LE(8)
  const header = bytes.toString('latin1', 10, end)
  const type = /'descr': '([^']+)'/.exec(header)?.[1]
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter((size) => size.trim() !== '')
  const values = new Uint8Array(bytes.subarray(end))
  if (type === '|u1') return { data: values, shape: shape.map(Number) }
  if (type === '<i8') return { data: new BigInt64Array(values.buffer), shape: shape.map(Number) }
  return undefined
}
