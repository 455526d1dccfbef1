/** The wire format of protocol buffers, as far as event files need it (protobuf.dev/programming-guides/encoding). */

const [VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32] = [0, 1, 2, 5] as const

/** One field of a message. */
export type Field = Uint8Array

/** A message: its fields, one after the other. */
export function message(...fields: readonly (Field | undefined)[]): Uint8Array {
  return Buffer.concat(fields.filter((field) => field !== undefined))
}

/** An integer, int64 on the wire. */
export function integer(number: number, value: number): Field {
  return Buffer.concat([key(number, VARINT), varint(value)])
}

export function double(number: number, value: number): Field {
  const written = Buffer.alloc(8)
  written.writeDoubleLE(value)
  return Buffer.concat([key(number, FIXED_64), written])
}

export function float(number: number, value: number): Field {
  const written = Buffer.alloc(4)
  written.writeFloatLE(value)
  return Buffer.concat([key(number, FIXED_32), written])
}

export function text(number: number, value: string): Field {
  return bytes(number, Buffer.from(value, 'utf8'))
}

/** Bytes, or a message in a message. */
export function bytes(number: number, value: Uint8Array): Field {
  return Buffer.concat([key(number, LENGTH_DELIMITED), varint(value.length), value])
}

/** A packed list of doubles. */
export function doubles(number: number, values: readonly number[]): Field {
  const packed = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) packed.writeDoubleLE(value, index * 8)
  return bytes(number, packed)
}

function key(number: number, type: number): Uint8Array {
  return varint(number * 8 + type)
}

/** Seven bits a byte, the lowest first; a safe integer that is not negative. */
function varint(value: number): Uint8Array {
  const groups: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) + 128)
  return Uint8Array.of(...groups, rest)
}
