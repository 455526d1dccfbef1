/** Numbers from 0 to limit - 1, the same for the same seed: a linear congruential generator (Numerical Recipes). */
export function seeded(seed: number): (limit: number) => number {
  let state = (seed * 2654435761) >>> 0
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}
