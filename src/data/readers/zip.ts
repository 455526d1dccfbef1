import { setImmediate } from 'node:timers/promises'
import { section } from './bytes'
import { fileError, formatBytes } from './file-error'
import { inflate } from './inflate'
import { decodeZipName } from './zip-name'
import type { ByteSource } from './bytes'
import type { Place } from './file-error'

/** A file inside a zip. */
export interface ZipEntry {
  /** Folders parted by `/`. */
  readonly name: string
  /** The name as it lies in the file. */
  readonly nameBytes: Buffer
  readonly isDeflated: boolean
  readonly crc: number
  /** Bytes in the zip. */
  readonly packed: number
  /** Bytes when unpacked. */
  readonly size: number
  /** Where its own header begins. */
  readonly offset: number
}

const LOCAL = 0x04034b50
const DIRECTORY = 0x02014b50
const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const LOCAL_BYTES = 30
const DIRECTORY_BYTES = 46
const END_BYTES = 22
const END_64_BYTES = 56
const LOCATOR_64_BYTES = 20
const MAX_COMMENT = 0xffff
const STORED = 0
const DEFLATED = 8
const ENCRYPTED = 1
const IS_IN_ZIP64 = 0xffffffff
const ZIP64_EXTRA = 1
const MAX_ENTRIES = 2 ** 20
const ENTRIES_IN_A_TURN = 2 ** 10 // of the event loop

/** Deflate packs at most 258 bytes into 2 bits, the rest being overhead: nothing unpacks to more than 1,032 times. */
const MAX_RATIO = 1032

/**
 * The files in a zip whose names match, by name. A directory that does not fit the file, and entries that share bytes,
 * are refused. Nothing is asked of files with other names.
 */
export async function readZipDirectory(file: ByteSource, wanted: RegExp): Promise<Map<string, ZipEntry>> {
  const { start, length, count } = await readEnd(file)
  const bytes = Buffer.from((await file.read(start, length)).buffer)
  const entries = new Map<string, ZipEntry>()
  let [at, packed] = [0, 0]
  for (let index = 0; index < count; index++) {
    if ((index + 1) % ENTRIES_IN_A_TURN === 0) await setImmediate()
    const place = { ...file.place, offset: start + at }
    if (at + DIRECTORY_BYTES > bytes.length || bytes.readUInt32LE(at) !== DIRECTORY) {
      const received = formatBytes(bytes.subarray(at, at + 4))
      throw fileError(place, `entry ${index + 1} of ${count} of the zip's directory`, received)
    }
    const header = readEntryHeader(place, bytes, at)
    at = header.end
    const name = decodeZipName(header.nameBytes)
    if (!wanted.test(name)) continue
    if (entries.has(name)) throw fileError(place, 'each name once', `'${name}' again`)
    const entry = toEntry(place, name, header)
    if (entry.offset + LOCAL_BYTES + entry.packed > start) {
      throw fileError(place, `'${name}' to end before the directory at byte ${start}`, describeExtent(entry))
    }
    packed += entry.packed
    entries.set(name, entry)
  }
  if (at !== length) {
    throw fileError(
      { ...file.place, offset: start + at },
      `the directory's end after ${count} entries`,
      `${length - at} bytes`,
    )
  }
  if (packed > start) throw fileError(file.place, `at most ${start} bytes in all entries`, `${packed}: entries overlap`)
  return entries
}

interface EntryHeader {
  readonly fields: Buffer
  readonly nameBytes: Buffer
  readonly extra: Buffer
  /** Where the next entry begins. */
  readonly end: number
}

function readEntryHeader(place: Place, bytes: Buffer, at: number): EntryHeader {
  const nameAt = at + DIRECTORY_BYTES
  const extraAt = nameAt + bytes.readUInt16LE(at + 28)
  const commentAt = extraAt + bytes.readUInt16LE(at + 30)
  const end = commentAt + bytes.readUInt16LE(at + 32)
  if (end > bytes.length) throw fileError(place, `${end - at} bytes of directory entry`, `${bytes.length - at}`)
  return {
    fields: bytes.subarray(at, nameAt),
    nameBytes: bytes.subarray(nameAt, extraAt),
    extra: bytes.subarray(extraAt, commentAt),
    end,
  }
}

/**
 * The unpacked bytes of an entry. One that is stored stays in the file; one that is deflated is unpacked into memory,
 * and its checksum compared.
 *
 * @param memoryLimit - The most bytes that are unpacked.
 */
export async function openEntry(file: ByteSource, entry: ZipEntry, memoryLimit: number): Promise<ByteSource> {
  const place = { ...file.place, entry: entry.name }
  const start = await findData(file, entry)
  const packed = section(file, file.place, start, entry.packed)
  if (!entry.isDeflated) return section(packed, place, 0, entry.size)
  if (entry.size > memoryLimit) {
    const expected = `at most ${memoryLimit} bytes to unpack into memory (\`memoryLimit\`; np.savez stores without packing)`
    throw fileError(place, expected, `${entry.size}`)
  }
  return inflate(packed, { place, size: entry.size, crc: entry.crc })
}

/** Where an entry's bytes begin: behind a header of its own, which repeats the name. */
async function findData(file: ByteSource, { name, nameBytes, offset }: ZipEntry): Promise<number> {
  const place = { ...file.place, offset }
  const header = Buffer.from(await file.read(offset, LOCAL_BYTES))
  if (header.readUInt32LE(0) !== LOCAL) {
    throw fileError(place, `the header of '${name}'`, formatBytes(header.subarray(0, 4)))
  }
  const [nameLength, extraLength] = [header.readUInt16LE(26), header.readUInt16LE(28)]
  const nameHere = await file.read(offset + LOCAL_BYTES, nameLength)
  if (!nameBytes.equals(nameHere)) {
    throw fileError(place, `the header of '${name}'`, `that of '${decodeZipName(nameHere)}'`)
  }
  return offset + LOCAL_BYTES + nameLength + extraLength
}

function toEntry(place: Place, name: string, { fields: header, nameBytes, extra }: EntryHeader): ZipEntry {
  const [flags, method] = [header.readUInt16LE(8), header.readUInt16LE(10)]
  if ((flags & ENCRYPTED) !== 0) throw fileError(place, 'entries that are not encrypted', `'${name}', which is`)
  if (method !== STORED && method !== DEFLATED) {
    throw fileError(place, `'${name}' to be stored (0) or deflated (8)`, `method ${method}`)
  }
  const [size = 0, packed = 0, offset = 0] = zip64(
    place,
    [header.readUInt32LE(24), header.readUInt32LE(20), header.readUInt32LE(42)],
    extra,
  )
  const isDeflated = method === DEFLATED
  const most = isDeflated ? packed * MAX_RATIO : packed
  if (size > most || (!isDeflated && size !== packed)) {
    const expected = isDeflated ? `at most ${most} bytes from ${packed} of '${name}'` : `${packed} bytes of '${name}'`
    throw fileError(place, expected, `${size}`)
  }
  return { name, nameBytes, isDeflated, crc: header.readUInt32LE(16), packed, size, offset }
}

/** Replaces what does not fit 32 bits by the 64 bits in the entry's extra field, in which only those come, in order. */
function zip64(place: Place, values: readonly number[], extra: Buffer): number[] {
  if (!values.includes(IS_IN_ZIP64)) return [...values]
  let at = 0
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== ZIP64_EXTRA) at += 4 + extra.readUInt16LE(at + 2)
  const end = at + 4 <= extra.length ? at + 4 + extra.readUInt16LE(at + 2) : 0
  at += 4
  return values.map((value) => {
    if (value !== IS_IN_ZIP64) return value
    if (at + 8 > Math.min(end, extra.length)) throw fileError(place, 'sizes of 64 bits in an extra field', 'none')
    at += 8
    return toSafe(place, extra.readBigUInt64LE(at - 8))
  })
}

interface DirectoryPlace {
  readonly start: number
  readonly length: number
  readonly count: number
}

/**
 * The end record, which says where the directory is: the last in the file. Its comment follows, and whatever another
 * program has added behind: as Python does, readers leave it out.
 */
async function readEnd(file: ByteSource): Promise<DirectoryPlace> {
  const tailStart = Math.max(0, file.length - END_BYTES - MAX_COMMENT)
  const tail = Buffer.from(await file.read(tailStart, file.length - tailStart))
  const exact = findEnd(tail, (end) => end === tail.length)
  const at = exact < 0 ? findEnd(tail, (end) => end < tail.length) : exact
  const place = { ...file.place, offset: tailStart + Math.max(at, 0) }
  if (at < 0) throw fileError(place, "a zip's directory at the end (is the file cut off?)", 'none')
  const here: DirectoryPlace = {
    count: tail.readUInt16LE(at + 10),
    length: tail.readUInt32LE(at + 12),
    start: tail.readUInt32LE(at + 16),
  }
  const is64 = here.count === 0xffff || here.length === IS_IN_ZIP64 || here.start === IS_IN_ZIP64
  const { start, length, count } = is64 ? await readEnd64(file, place.offset) : here
  if (start + length > place.offset) {
    throw fileError(
      place,
      `a directory that ends before byte ${place.offset}`,
      `one from ${start} to ${start + length}`,
    )
  }
  if (count * DIRECTORY_BYTES > length) {
    throw fileError(place, `at most ${Math.floor(length / DIRECTORY_BYTES)} entries in ${length} bytes`, `${count}`)
  }
  if (count > MAX_ENTRIES) throw fileError(place, `at most ${MAX_ENTRIES} files in the zip`, `${count}`)
  return { start, length, count }
}

/** Where the last end record begins of which it is right where its comment ends; -1 where there is none. */
function findEnd(tail: Buffer, isRight: (end: number) => boolean): number {
  let at = tail.length - END_BYTES
  while (at >= 0 && !(tail.readUInt32LE(at) === END && isRight(at + END_BYTES + tail.readUInt16LE(at + 20)))) at--
  return at
}

async function readEnd64(file: ByteSource, endsAt: number): Promise<DirectoryPlace> {
  const offset = endsAt - LOCATOR_64_BYTES
  const place = { ...file.place, offset: Math.max(0, offset) }
  if (offset < 0) throw fileError(place, "a zip64 directory's locator", 'none')
  const locator = Buffer.from(await file.read(offset, LOCATOR_64_BYTES))
  if (locator.readUInt32LE(0) !== LOCATOR_64) {
    throw fileError(place, "a zip64 directory's locator", formatBytes(locator.subarray(0, 4)))
  }
  const endAt = toSafe(place, locator.readBigUInt64LE(8))
  const end = Buffer.from(await file.read(endAt, END_64_BYTES))
  const endPlace = { ...file.place, offset: endAt }
  if (end.readUInt32LE(0) !== END_64) {
    throw fileError(endPlace, "a zip64 directory's end record", formatBytes(end.subarray(0, 4)))
  }
  const [count = 0, length = 0, start = 0] = [32, 40, 48].map((field) => toSafe(endPlace, end.readBigUInt64LE(field)))
  return { start, length, count }
}

function toSafe(place: Place, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
  throw fileError(place, 'a size within the file', `${value}`)
}

function describeExtent({ offset, packed }: ZipEntry): string {
  return `${packed} bytes behind byte ${offset}`
}
