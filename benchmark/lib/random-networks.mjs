/**
 * Networks drawn from a seed: the options of `crates/zoetrope-core/tests/common/draws.rs` at the sizes that people use.
 * Every third one has the tutorial's blocks and an LSTM.
 */
import { mulberry32 } from './random.mjs'
import { elements, productFlops, stepShape } from './network.mjs'

/** What a training step may cost: less is mostly calls, more takes minutes. */
const FLOPS = { least: 0.2e9, most: 60e9 }
const MOST_ELEMENTS = 2 ** 22 //    of a batch
const MOST_FEATURES = 8192

/** The first `count` networks of a seed: `{ name, title, batch, time, config }`, as in `networks.json`. */
export function randomNetworks(count, seed) {
  return Array.from({ length: count }, (_, number) => {
    const dice = makeDice(mulberry32(seed + 7919 * number))
    for (;;) {
      const network = draw(dice, number % 3 === 0)
      if (network) return { name: `${seed}-${number}`, title: describe(network), ...network }
    }
  })
}

function makeDice(random) {
  const from = (low, high) => low + Math.floor(random() * (high - low + 1))
  return { from, chance: (share) => random() < share, oneOf: (choices) => choices[from(0, choices.length - 1)] }
}

/** A network, or nothing where its parts do not fit together or its size is nobody's. */
function draw(dice, isPlain) {
  const { from, chance, oneOf } = dice
  const isFrame = isPlain || chance(0.65)
  const input = isFrame
    ? { channels: from(1, 4), height: from(16, 96), width: from(16, 96) }
    : { features: from(3, 80) }
  let [channels, ...sides] = stepShape({ input })
  const cnn = []
  for (let rest = from(isFrame ? 1 : 0, 3); rest > 0; rest--) {
    const outChannels = 8 * from(1, 16)
    const block = isPlain
      ? { outChannels, kernelSize: 3, stride: 1, padding: 1, activation: 'relu', maxPool: 2 }
      : isFrame
        ? frameBlock(dice, channels, outChannels)
        : timeBlock(dice, channels, outChannels)
    cnn.push(block)
    sides = sides.map((size) => sizeAfter(block, size))
    channels = outChannels
  }
  if (sides.some((size) => size < 1)) return undefined
  const globalPool = isFrame && (!isPlain || chance(0.5)) && chance(0.5) ? 'average' : 'none'
  const features = globalPool === 'average' ? channels : sides.reduce((product, size) => product * size, channels)
  if (features > MOST_FEATURES) return undefined
  const config = {
    input,
    numClasses: 10,
    cnn,
    globalPool,
    ...(chance(0.3) && { projection: 16 * from(2, 16) }),
    pooling: oneOf(['last', 'mean', 'max', 'attention']),
    lstm: {
      cell: isPlain ? 'lstm' : oneOf(['lstm', 'gru']),
      hiddenSize: oneOf([32, 48, 64, 96, 100, 128, 200, 256]),
      numLayers: from(1, 2),
      bidirectional: chance(0.5),
      dropout: 0,
    },
  }
  const network = { batch: oneOf([4, 8, 16, 32]), time: isFrame ? from(4, 24) : from(20, 120), config }
  const { training } = productFlops(config, network)
  const fits = training >= FLOPS.least && training <= FLOPS.most && elements(network) <= MOST_ELEMENTS
  return fits ? network : undefined
}

const sizeAfter = ({ kernelSize, stride, padding, dilation = 1, maxPool, avgPool }, size) =>
  Math.floor(
    (Math.floor((size + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1) / (maxPool ?? avgPool ?? 1),
  )

function frameBlock({ from, chance, oneOf }, channels, outChannels) {
  const residual = chance(0.35)
  const kernelSize = residual ? oneOf([1, 3, 5]) : from(1, 5)
  const dilation = from(1, 2)
  const [maxPool, avgPool] = oneOf([
    [2, null],
    [3, null],
    [null, 2],
    [null, 3],
    [null, null],
  ])
  return {
    outChannels,
    kernelSize,
    stride: from(1, 2),
    padding: residual ? (dilation * (kernelSize - 1)) / 2 : from(0, 2),
    dilation,
    groups: groups({ oneOf }, channels, outChannels),
    norm: oneOf([null, 'batch', 'layer']),
    residual,
    activation: oneOf(['relu', 'gelu', 'silu', 'none']),
    maxPool,
    avgPool,
  }
}

function timeBlock({ from, chance, oneOf }, channels, outChannels) {
  const [kernelSize, dilation] = [oneOf([1, 3, 5]), from(1, 2)]
  return {
    outChannels,
    kernelSize,
    stride: 1,
    padding: (dilation * (kernelSize - 1)) / 2,
    dilation,
    groups: groups({ oneOf }, channels, outChannels),
    norm: oneOf([null, 'batch', 'layer']),
    residual: chance(0.5),
    activation: oneOf(['relu', 'gelu', 'silu', 'none']),
    maxPool: null,
  }
}

function groups({ oneOf }, channels, outChannels) {
  const all = Array.from({ length: channels }, (_, index) => index + 1)
  return oneOf(all.filter((count) => channels % count === 0 && outChannels % count === 0))
}

/** One line: the frames or vectors, each block, the recurrent part. */
function describe({ config: { cnn, globalPool, projection, pooling, lstm, ...config } }) {
  const blocks = cnn.map((block) => {
    const { outChannels, kernelSize, stride, padding, dilation = 1, groups: count = 1, norm, residual } = block
    const { activation, maxPool, avgPool } = block
    const parts = [
      `${outChannels} k${kernelSize}`,
      stride > 1 && `s${stride}`,
      `p${padding}`,
      dilation > 1 && `d${dilation}`,
      count > 1 && `g${count}`,
      norm,
      residual && 'residual',
      activation,
      maxPool && `max${maxPool}`,
      avgPool && `avg${avgPool}`,
    ]
    return parts.filter(Boolean).join(' ')
  })
  const { cell, hiddenSize, numLayers, bidirectional } = lstm
  const recurrent = `${bidirectional ? 'bi-' : ''}${cell} ${hiddenSize} × ${numLayers}, ${pooling}`
  return [
    stepShape(config).join(' × '),
    ...blocks,
    globalPool === 'average' && 'average',
    projection && `projection ${projection}`,
    recurrent,
  ]
    .filter(Boolean)
    .join('; ')
}
