import type { FloatArray } from 'zoetrope'

/** A safetensors file with these tensors: the length of a header in JSON, the header, the data. */
export function safetensors(state: ReadonlyMap<string, FloatArray>): Buffer {
  const header: Record<string, object> = {}
  const pieces: Buffer[] = []
  let begin = 0
  for (const [name, { data, shape }] of state) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, begin + bytes.length] } // oxlint-disable-line camelcase -- the format's
    pieces.push(bytes)
    begin += bytes.length
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, ...pieces])
}
