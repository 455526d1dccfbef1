/** `numpy.random.RandomState(seed).permutation(length)`: the Mersenne Twister and NumPy's legacy shuffle. */
export function numpyPermutation(length, seed) {
  const next = mersenneTwister(seed)
  const order = Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const mask = 2 ** (32 - Math.clz32(last)) - 1
    let chosen = next() & mask
    while (chosen > last) chosen = next() & mask
    ;[order[last], order[chosen]] = [order[chosen], order[last]]
  }
  return order
}

const size = 624
const shift = 397

function mersenneTwister(seed) {
  const state = new Uint32Array(size)
  state[0] = seed
  for (let i = 1; i < size; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i
  let at = size
  return () => {
    if (at === size) {
      twist(state)
      at = 0
    }
    let word = state[at++]
    word ^= word >>> 11
    word ^= (word << 7) & 0x9d2c5680
    word ^= (word << 15) & 0xefc60000
    return (word ^ (word >>> 18)) >>> 0
  }
}

function twist(state) {
  for (let i = 0; i < size; i++) {
    const word = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff)
    state[i] = state[(i + shift) % size] ^ (word >>> 1) ^ (word & 1 ? 0x9908b0df : 0)
  }
}
