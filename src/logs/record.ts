/** Records of a TFRecord file: length, its checksum, data, its checksum (tensorflow/core/lib/io/record_writer.h). */

/** The polynomial of CRC-32C (Castagnoli), its bits turned round. */
const POLYNOMIAL = 0x82f63b78
/** What TensorFlow adds to a checksum of bytes that may hold checksums. */
const MASK_DELTA = 0xa282ead8

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
  return value
})

export function record(data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(data.length + 16)
  bytes.writeBigUInt64LE(BigInt(data.length), 0)
  bytes.writeUInt32LE(masked(crc32c(bytes.subarray(0, 8))), 8)
  bytes.set(data, 12)
  bytes.writeUInt32LE(masked(crc32c(data)), 12 + data.length)
  return bytes
}

/** CRC-32C of RFC 3720. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}
