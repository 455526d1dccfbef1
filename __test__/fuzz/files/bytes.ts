/** Damage that knows nothing of formats: flipped, lost, doubled and foreign bytes. */
import type { Random } from '../random'

/** A damaged file, and how a report names the damage. */
export type Damaged = readonly [label: string, bytes: Buffer]

const SMALL = [0n, 1n, 2n, 7n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x10000n, 2n ** 20n]
const EDGES = [2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 48n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n]
const WORDS = [...SMALL, ...EDGES, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 8n]

type Way = (bytes: Buffer, random: Random, other: Buffer) => Damaged

const somewhere = (bytes: Buffer, random: Random): number => {
  const isEarly = random.chance(0.6) //            headers stand at the beginning, a zip's at the end
  return isEarly ? random.below(Math.min(bytes.length, 160) + 1) : random.below(bytes.length + 1)
}

const WAYS: readonly Way[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    const count = 1 + random.below(random.chance(0.2) ? 40 : 3)
    for (let flips = 0; flips < count; flips++) {
      const at = Math.min(somewhere(bytes, random), copy.length - 1)
      if (at >= 0) copy[at]! ^= 1 << random.below(8)
    }
    return [`${count} bits flipped`, copy]
  },
  (bytes, random) => {
    const at = somewhere(bytes, random)
    return [`cut off at ${at}`, bytes.subarray(0, at)]
  },
  (bytes, random) => {
    const tail = random.pick([Buffer.alloc(1 + random.below(5000)), random.bytes(1 + random.below(100)), bytes])
    return [`${tail.length} more bytes at its end`, Buffer.concat([bytes, tail])]
  },
  (bytes, random) => {
    const head = random.pick([
      Buffer.from([0xef, 0xbb, 0xbf]),
      random.bytes(1 + random.below(40)),
      bytes,
      Buffer.alloc(1),
    ])
    return [`${head.length} more bytes at its beginning`, Buffer.concat([head, bytes])]
  },
  (bytes, random) => {
    const [at, length] = [somewhere(bytes, random), 1 + random.below(64)]
    return [`${length} bytes lost at ${at}`, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])]
  },
  (bytes, random, other) => {
    const [at, from, length] = [somewhere(bytes, random), somewhere(other, random), 1 + random.below(200)]
    const piece = other.subarray(from, from + length)
    return [`${piece.length} foreign bytes at ${at}`, Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])]
  },
  (bytes, random, other) => {
    const [at, from] = [somewhere(bytes, random), somewhere(other, random)]
    return [`another file from ${at} on`, Buffer.concat([bytes.subarray(0, at), other.subarray(from)])]
  },
  (bytes, random) => {
    const [at, length] = [somewhere(bytes, random), 1 + random.below(64)]
    const byte = random.pick([0, 0xff, 0x20, 0x30, 0x39])
    return [
      `${length} bytes are ${byte} at ${at}`,
      Buffer.from(bytes).fill(byte, Math.min(at, bytes.length), Math.min(at + length, bytes.length)),
    ]
  },
  (bytes, random) => writeWord(bytes, somewhere(bytes, random), random),
  (_, random) => [`random bytes`, random.bytes(random.below(300))],
]

export function damageBytes(bytes: Buffer, random: Random, other: Buffer): Damaged {
  return random.pick(WAYS)(bytes, random, other)
}

/** Writes an integer that is on some edge over the bytes at an offset. */
export function writeWord(
  bytes: Buffer,
  at: number,
  random: Random,
  width: 2 | 4 | 8 = random.pick([2, 4, 8] as const),
): Damaged {
  const copy = Buffer.from(bytes)
  const near = BigInt(bytes.length) + BigInt(random.below(3) - 1)
  const word = BigInt.asUintN(width * 8, random.chance(0.2) ? near : random.pick(WORDS))
  const encoded = Buffer.alloc(8)
  encoded.writeBigUInt64LE(word)
  const ordered = random.chance(0.9) ? encoded.subarray(0, width) : encoded.subarray(0, width).toReversed()
  copy.set(ordered.subarray(0, Math.max(0, copy.length - at)), Math.min(at, copy.length))
  return [`${word} as u${width * 8} at ${at}`, copy]
}
