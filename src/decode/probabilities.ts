/** Logits into probabilities. */

/** exp(logit) of each class over their sum. Shifted by the largest, so that nothing overflows. */
export function softmax(logits: ArrayLike<number>): Float32Array {
  const numbers = Array.from(logits)
  const largest = numbers.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const powers = numbers.map((logit) => Math.exp(logit - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return Float32Array.from(powers, (power) => power / sum)
}

/** 1 / (1 + exp(−logit)) of each label by itself. */
export function sigmoid(logits: ArrayLike<number>): Float32Array {
  return Float32Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))
}
