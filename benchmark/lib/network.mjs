/** The tutorial's network, the shapes it is measured at, and what a network's matrix products cost. */
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
  const [name, label] = [`${batch}x${time}x${size}`, `${batch} × (${time}, ${size}²)`]
  return { batch, time, size, name, label, config: network(size) }
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

/** The axes of one step's input: those of a frame, or a vector's features. */
export const stepShape = ({ input }) =>
  'features' in input ? [input.features] : [input.channels, input.height, input.width]

/** Numbers in one batch's inputs. */
export function elements({ batch, time, config }) {
  return stepShape(config).reduce((product, length) => product * length, batch * time)
}

/**
 * Floating-point operations of a network's matrix products, convolutions as the plain products they are: of one
 * `inference`, and of one `training` step.
 *
 * In training there are three products of one size each: forward, gradient of the weights, gradient of the inputs. The
 * first layer's input needs no gradient. The hidden state before the first frame is zero, so time - 1 recurrent
 * products are needed.
 */
export function productFlops(config, { batch, time }) {
  const total = { inference: 0, training: 0 }
  const frames = batch * time
  const add = (rows, inner, columns) => {
    const flops = 2 * rows * inner * columns
    total.training += (total.inference === 0 ? 2 : 3) * flops
    total.inference += flops
  }
  const { lstm } = config
  const features = addConvolutions(config, frames, add)
  const [gates, directions] = [{ lstm: 4, gru: 3 }[lstm.cell ?? 'lstm'], lstm.bidirectional ? 2 : 1]
  for (let layer = 0; layer < lstm.numLayers; layer++) {
    const inputs = layer === 0 ? features : directions * lstm.hiddenSize
    add(frames, inputs, directions * gates * lstm.hiddenSize)
    add(batch * (time - 1), lstm.hiddenSize, directions * gates * lstm.hiddenSize)
  }
  add(batch, directions * lstm.hiddenSize, config.numClasses)
  return total
}

/** Basic blocks in each of the four layers of a ResNet. */
const RESNETS = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] }

/** Adds the products of a ResNet; returns the number of its features. */
function addResnet(blocks, config, frames, add) {
  let [channels, ...sizes] = stepShape(config)
  const convolve = (inputs, outChannels, kernelSize, stride) => {
    const pixels = sizes.reduce((product, size) => product * Math.ceil(size / stride), frames)
    add(pixels, inputs * kernelSize ** 2, outChannels)
  }
  const shrink = () => (sizes = sizes.map((size) => Math.ceil(size / 2)))
  convolve(channels, 64, 7, 2)
  channels = 64
  shrink()
  shrink() //                                                                  the max-pooling
  for (const [layer, count] of blocks.entries()) {
    const outChannels = 64 * 2 ** layer
    for (let block = 0; block < count; block++) {
      const stride = layer > 0 && block === 0 ? 2 : 1
      convolve(channels, outChannels, 3, stride)
      if (stride > 1) convolve(channels, outChannels, 1, stride)
      if (stride > 1) shrink()
      convolve(outChannels, outChannels, 3, 1)
      channels = outChannels
    }
  }
  return channels
}

/** Adds the products of the encoder; returns the number of its features: NaN for a MobileNet, which is not counted. */
function addConvolutions(config, frames, add) {
  const resnet = RESNETS[config.cnn]
  if (resnet) return addResnet(resnet, config, frames, add)
  if (typeof config.cnn === 'string') return NaN
  const [first, ...sides] = stepShape(config)
  let [channels, sizes] = [first, sides]
  for (const block of config.cnn) {
    const { outChannels, kernelSize, stride, padding, dilation = 1, groups = 1, residual = false } = block
    const window = block.maxPool ?? block.avgPool ?? 1
    const span = dilation * (kernelSize - 1) + 1
    const convolved = sizes.map((size) => Math.floor((size + 2 * padding - span) / stride) + 1)
    const pixels = convolved.reduce((product, size) => product * size, frames)
    const taps = kernelSize ** Math.max(1, sizes.length)
    add(pixels, (channels / groups) * taps, outChannels)
    if (residual && (channels !== outChannels || stride !== 1)) add(pixels, channels, outChannels)
    sizes = convolved.map((size) => Math.floor(size / window))
    channels = outChannels
  }
  return config.globalPool === 'average' ? channels : sizes.reduce((product, size) => product * size, channels)
}
