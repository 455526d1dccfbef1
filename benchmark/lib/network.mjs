/** The tutorial's network, the shapes it is measured at, and what a step of it must at least compute. */
import { SetupError } from '../../scripts/steps.mjs'

const CHANNELS = 3
const HIDDEN = 128
const CLASSES = 10
const KERNEL = 3

/** Batch × time × size of a square frame. */
export const shapes = ['64x1x32', '8x16x32', '8x16x64', '4x16x112'].map(parseShape)

export function parseShape(text) {
  const [batch, time, size] = (/^(\d+)x(\d+)x(\d+)$/.exec(text) ?? []).slice(1).map(Number)
  if (!(batch > 0 && time > 0 && size >= 4)) {
    throw new SetupError(`Expected BATCHxTIMExSIZE for a shape, such as 8x16x64, received ${text}`)
  }
  return shape(batch, time, size)
}

export function shape(batch, time, size) {
  return { batch, time, size, name: `${batch}x${time}x${size}`, label: `${batch} × (${time}, ${size}²)` }
}

/** The configuration in the form that `CnnLstm.create` and the PyTorch twin both read. */
export function network(size) {
  const block = { kernelSize: KERNEL, stride: 1, padding: 1, activation: 'relu', maxPool: 2 }
  return {
    input: { channels: CHANNELS, height: size, width: size },
    numClasses: CLASSES,
    cnn: [
      { outChannels: 32, ...block },
      { outChannels: 64, ...block },
    ],
    lstm: { hiddenSize: HIDDEN, numLayers: 1, dropout: 0, bidirectional: false },
  }
}

/** Numbers in one batch's inputs. */
export function elements({ batch, time, size }) {
  return batch * time * CHANNELS * size * size
}

/**
 * Floating-point operations of the matrix products in one training step, convolutions as the plain products they are.
 *
 * Forward, gradient of the weights, gradient of the inputs: three products of one size each; the first convolution's
 * input needs no gradient. The hidden state before the first frame is zero, so time - 1 recurrent products are needed.
 */
export function gemmFlops({ batch, time, size }) {
  const frames = batch * time
  const product = (rows, inner, columns) => 2 * rows * inner * columns
  let [channels, side, flops] = [CHANNELS, size, 0]
  for (const [index, { outChannels }] of network(size).cnn.entries()) {
    const one = product(frames * side * side, channels * KERNEL * KERNEL, outChannels)
    flops += (index === 0 ? 2 : 3) * one
    ;[channels, side] = [outChannels, Math.floor(side / 2)]
  }
  const projection = product(frames, channels * side * side, 4 * HIDDEN)
  const recurrent = product(batch * (time - 1), HIDDEN, 4 * HIDDEN)
  return flops + 3 * (projection + recurrent + product(batch, HIDDEN, CLASSES))
}
