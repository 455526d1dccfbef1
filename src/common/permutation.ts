/**
 * The order of samples in an epoch: a pure function of (seed, epoch, length), the same on every machine, because it is
 * made of 32-bit integer operations only.
 *
 * Generator: xoshiro128** 1.1 (Blackman and Vigna, 2018). Its state comes from splitmix32: a Weyl sequence with step
 * 0x9e3779b9 (2³² over the golden ratio) through MurmurHash3's finalizer. Shuffle: Fisher–Yates from the end, each
 * index drawn without bias by rejection.
 */
const GOLDEN_GAMMA = 0x9e3779b9
const MIX_FIRST = 0x85ebca6b
const MIX_SECOND = 0xc2b2ae35
const TWO_TO_32 = 2 ** 32
const FEISTEL_ROUNDS = 8

/** The numbers 0 … length - 1 in the order of this epoch. */
export function permutation(length: number, seed: number, epoch: number): Uint32Array {
  const order = sequence(length)
  const next = generator(seed, epoch)
  for (let last = length - 1; last > 0; last--) {
    const chosen = below(last + 1, next)
    const value = order[last] ?? 0
    order[last] = order[chosen] ?? 0
    order[chosen] = value
  }
  return order
}

/**
 * The place of each of 0 … length - 1 in the order of this epoch, computed one by one: for datasets whose whole order
 * would not fit into memory. Another order than {@link permutation}'s, and a pure function of the same arguments.
 *
 * A Feistel network over the next even number of bits is a permutation, whatever its rounds compute. Numbers that it
 * sends beyond the length are sent on until they come back (cycle walking): fewer than four times on average.
 */
export function scattered(length: number, seed: number, epoch: number): (index: number) => number {
  const half = Math.max(1, Math.ceil(Math.log2(length) / 2))
  const size = 2 ** half
  const next = generator(seed, epoch)
  const keys = Array.from({ length: FEISTEL_ROUNDS }, next)
  const send = (index: number): number => {
    let [left, right] = [Math.floor(index / size), index % size]
    for (const key of keys) [left, right] = [right, left ^ ((mix(right ^ key) >>> 0) % size)]
    return left * size + right
  }
  return (index) => {
    let at = send(index)
    while (at >= length) at = send(at)
    return at
  }
}

/** The numbers 0 … length - 1 in their own order. */
export function sequence(length: number): Uint32Array {
  const order = new Uint32Array(length)
  for (let index = 0; index < length; index++) order[index] = index
  return order
}

/** A number from 0 to limit - 1. All are equally likely, because draws from the incomplete last range are refused. */
function below(limit: number, next: () => number): number {
  const end = TWO_TO_32 - (TWO_TO_32 % limit)
  let drawn = next()
  while (drawn >= end) drawn = next()
  return drawn % limit
}

/** Words of 32 bits for an epoch. */
export function generator(seed: number, epoch: number): () => number {
  let [a, b, c, d] = initialState(seed, epoch)
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }
}

/** Four words in which every bit of the seed's and the epoch's 53 counts. */
function initialState(seed: number, epoch: number): [number, number, number, number] {
  let hash = 0
  for (const value of [seed, epoch]) {
    hash = mix((hash + GOLDEN_GAMMA) ^ ((value % TWO_TO_32) | 0))
    hash = mix((hash + GOLDEN_GAMMA) ^ (Math.floor(value / TWO_TO_32) | 0))
  }
  const word = (position: number): number => mix(hash + Math.imul(position, GOLDEN_GAMMA))
  return [word(1), word(2), word(3), word(4)]
}

function mix(word: number): number {
  let mixed = word | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), MIX_FIRST)
  mixed = Math.imul(mixed ^ (mixed >>> 13), MIX_SECOND)
  return mixed ^ (mixed >>> 16)
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
