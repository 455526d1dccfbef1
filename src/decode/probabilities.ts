/** Logits into probabilities. */

/** exp(logit) of each class over their sum. */
export function softmax(logits: ArrayLike<number>): Float32Array {
  return Float32Array.from(logSoftmax(logits), (logarithm) => Math.exp(logarithm))
}

/** 1 / (1 + exp(−logit)) of each label by itself. */
export function sigmoid(logits: ArrayLike<number>): Float32Array {
  return Float32Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))
}

/** The logarithm of {@link softmax}. Shifted by the largest logit, so that nothing overflows. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const numbers = Float64Array.from(logits)
  const largest = numbers.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const sum = numbers.reduce((total, logit) => total + Math.exp(logit - largest), 0)
  return numbers.map((logit) => logit - largest - Math.log(sum))
}
