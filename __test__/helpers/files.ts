/** Files made byte by byte, whole and broken: .npy, zip, WAV. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import { failsWith } from './expect'
import type { ExecutionContext } from 'ava'
import type { ZoetropeError } from 'zoetrope'

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-readers-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
let files = 0

/** Writes a file that is removed when the process ends; returns its path. */
export function fileOf(bytes: Uint8Array | string, suffix = ''): string {
  const path = join(folder, `${files++}${suffix}`)
  writeFileSync(path, bytes)
  return path
}

/** Expects `ERR_DATA` that names the file; with `offset` and `message` also where and what. */
export async function refusesFile(
  t: ExecutionContext,
  path: string,
  call: () => unknown,
  { offset, line, message }: { offset?: number; line?: number; message?: RegExp } = {},
): Promise<ZoetropeError> {
  const error = await failsWith(t, 'ERR_DATA', call)
  t.is(error.details.path, path)
  t.true(error.message.includes(path), error.message)
  t.is(typeof error.details.expected, 'string')
  t.is(typeof error.details.actual, 'string')
  if (offset !== undefined) t.is(error.details.offset, offset, error.message)
  if (line !== undefined) t.is(error.details.line, line, error.message)
  if (message !== undefined) t.regex(error.message, message)
  return error
}

/** Expects that each beginning of a file, shorter than all of it, is refused. */
export async function refusesEveryCut(
  t: ExecutionContext,
  whole: Uint8Array,
  read: (path: string) => Promise<unknown>,
) {
  for (let length = 0; length < whole.length; length++) {
    const path = fileOf(whole.subarray(0, length))
    await refusesFile(t, path, () => read(path))
  }
}

/** What {@link npy} writes instead of what it should. */
export interface NpyChanges {
  readonly magic?: string
  readonly version?: readonly [number, number]
  readonly header?: string
  readonly headerLength?: number
}

export function npy(descr: string, shape: readonly number[], data: Uint8Array, changes: NpyChanges = {}): Buffer {
  const { magic = '\u0093NUMPY', version = [1, 0] } = changes
  const tuple = shape.length === 1 ? `(${shape.join()},)` : `(${shape.join(', ')})`
  const { header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }` } = changes
  const prefix = version[0] === 1 ? 10 : 12
  const text = Buffer.from(
    header.padEnd(Math.ceil((prefix + header.length + 1) / 64) * 64 - prefix - 1) + '\n',
    'latin1',
  )
  const length = Buffer.alloc(prefix - 8)
  length.writeUIntLE(changes.headerLength ?? text.length, 0, prefix - 8)
  return Buffer.concat([Buffer.from(magic, 'latin1'), Buffer.from(version), length, text, data])
}

/** A file in a {@link zip}, and what is written instead of what should be. */
export interface ZipFile {
  readonly name: string
  /** The name as other programs write it. Default UTF-8. */
  readonly nameBytes?: Uint8Array
  readonly bytes: Uint8Array
  readonly isDeflated?: boolean
  readonly method?: number
  readonly flags?: number
  readonly size?: number
  readonly packedSize?: number
  readonly crc?: number
  readonly offset?: number
  readonly localName?: string
  /** Whether sizes and offset come as 64 bits, in an extra field. */
  readonly isZip64?: boolean
  /** Whether checksum and sizes stand behind the data instead of in front of it. */
  readonly hasDescriptor?: boolean
}

/** What {@link zip} writes into the end of the file. */
export interface ZipChanges {
  readonly comment?: string
  readonly count?: number
  readonly directoryOffset?: number
  readonly isZip64?: boolean
}

export function zip(entries: readonly ZipFile[], changes: ZipChanges = {}): Buffer {
  const [body, directory]: [Buffer[], Buffer[]] = [[], []]
  let at = 0
  for (const entry of entries) {
    const { name, bytes, isDeflated = false, localName = name, isZip64 = false } = entry
    const { method = isDeflated ? 8 : 0, flags = 0, size = bytes.length, crc = crc32(bytes), offset = at } = entry
    const packed = isDeflated ? deflateRawSync(bytes) : Buffer.from(bytes)
    const { packedSize = packed.length } = entry
    const local = Buffer.alloc(30)
    const centralName = Buffer.from(entry.nameBytes ?? Buffer.from(name))
    const localNameBytes = entry.localName === undefined ? centralName : Buffer.from(localName)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(flags | (entry.hasDescriptor === true ? 8 : 0), 6)
    local.writeUInt16LE(method, 8)
    local.writeUInt16LE(localNameBytes.length, 26)
    const descriptor = Buffer.alloc(entry.hasDescriptor === true ? 16 : 0)
    if (entry.hasDescriptor === true) {
      for (const [field, value] of [0x08074b50, crc, packedSize, size].entries())
        descriptor.writeUInt32LE(value, 4 * field)
    }
    body.push(local, localNameBytes, packed, descriptor)
    const extra = isZip64 ? u64([size, packedSize, offset]) : Buffer.alloc(0)
    const field = isZip64 ? Buffer.concat([Buffer.from([1, 0, extra.length, 0]), extra]) : extra
    const header = Buffer.alloc(46)
    header.writeUInt32LE(0x02014b50, 0)
    header.writeUInt16LE(flags | (entry.hasDescriptor === true ? 8 : 0), 8)
    header.writeUInt16LE(method, 10)
    header.writeUInt32LE(crc, 16)
    for (const [position, value] of [[20, packedSize] as const, [24, size] as const, [42, offset] as const]) {
      header.writeUInt32LE(isZip64 ? 0xffffffff : value, position)
    }
    header.writeUInt16LE(centralName.length, 28)
    header.writeUInt16LE(field.length, 30)
    directory.push(header, centralName, field)
    at += local.length + localNameBytes.length + packed.length + descriptor.length
  }
  const entryBytes = Buffer.concat(directory)
  const { comment = '', count = entries.length, directoryOffset = at, isZip64 = false } = changes
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(isZip64 ? 0xffff : count, 10)
  end.writeUInt32LE(isZip64 ? 0xffffffff : entryBytes.length, 12)
  end.writeUInt32LE(isZip64 ? 0xffffffff : directoryOffset, 16)
  end.writeUInt16LE(comment.length, 20)
  const end64 = Buffer.alloc(isZip64 ? 76 : 0)
  if (isZip64) {
    end64.writeUInt32LE(0x06064b50, 0)
    u64([count, entryBytes.length, directoryOffset]).copy(end64, 32)
    end64.writeUInt32LE(0x07064b50, 56)
    u64([at + entryBytes.length]).copy(end64, 64)
  }
  return Buffer.concat([...body, entryBytes, end64, end, Buffer.from(comment)])
}

function u64(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * index)
  return bytes
}

export function chunk(id: string, bytes: Uint8Array, length = bytes.length): Buffer {
  const header = Buffer.alloc(8)
  header.write(id, 'latin1')
  header.writeUInt32LE(length, 4)
  return Buffer.concat([header, bytes, Buffer.alloc(bytes.length % 2)])
}

export function riff(chunks: readonly Uint8Array[], length?: number): Buffer {
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks])
  return Buffer.concat([chunk('RIFF', new Uint8Array(), length ?? body.length), body])
}

/** The contents of a chunk 'fmt '; `subformat` makes it WAVE_FORMAT_EXTENSIBLE. */
export function wavFormat(tag: number, channels: number, bits: number, subformat?: string): Buffer {
  const bytes = Buffer.alloc(subformat === undefined ? 16 : 40)
  bytes.writeUInt16LE(tag, 0)
  bytes.writeUInt16LE(channels, 2)
  bytes.writeUInt32LE(8000, 4)
  bytes.writeUInt32LE((8000 * channels * bits) / 8, 8)
  bytes.writeUInt16LE((channels * bits) / 8, 12)
  bytes.writeUInt16LE(bits, 14)
  if (subformat !== undefined) {
    bytes.writeUInt16LE(22, 16)
    bytes.write(subformat, 24, 'hex')
  }
  return bytes
}
