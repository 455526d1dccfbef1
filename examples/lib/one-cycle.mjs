const warmUp = 0.2
const start = 0.04
const end = 0.001

/**
 * One cycle of the learning rate: up from 4 % of `peak` over the first fifth of the steps, then down to .1 % along half
 * a cosine. Sets the first rate and returns what `fit` is to call after each batch.
 */
export function oneCycle(optimizer, peak, steps) {
  let step = 0
  const set = () => {
    const done = step / steps
    const share =
      done < warmUp
        ? start + (1 - start) * (done / warmUp)
        : end + (1 - end) * 0.5 * (1 + Math.cos((Math.PI * (done - warmUp)) / (1 - warmUp)))
    optimizer.learningRate = peak * share
  }
  set()
  return () => {
    step++
    set()
  }
}
