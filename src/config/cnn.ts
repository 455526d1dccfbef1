/** The CNN's blocks: their options, the checks of these, and the sizes of the frames between blocks. */
import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOneOf,
  checkOptions,
  describe,
  rangeError,
  typeError,
} from '../common/checks'
import { isVector } from './input'
import { LARGEST } from './sizes'
import type { FrameInput, InputOptions } from './input'

/**
 * The function after a convolution: `'relu'` max(0, x), `'gelu'` x · Φ(x), `'silu'` x · sigmoid(x), `'relu6'`
 * min(max(0, x), 6), `'hardswish'` x · min(max(0, x + 3), 6) / 6, `'none'` x.
 */
export type Activation = 'relu' | 'gelu' | 'silu' | 'relu6' | 'hardswish' | 'none'

const ACTIVATIONS: readonly Activation[] = ['relu', 'gelu', 'silu', 'relu6', 'hardswish', 'none']

/**
 * The normalisation between a convolution and its activation. It has a weight and a bias for each channel.
 * `'batch'` normalises each channel over the frames and pixels of the batch, as `torch.nn.BatchNorm2d`.
 * `'layer'` normalises each frame over its channels and pixels, as `torch.nn.GroupNorm(1, channels)`.
 */
export type Norm = 'batch' | 'layer'

/**
 * `'average'` makes one feature for each channel: the channel's mean over the pixels. `'none'` makes one feature for
 * each channel and pixel.
 */
export type GlobalPool = 'none' | 'average'

/**
 * One block of the CNN: convolution, norm, residual sum, activation, pooling, dropout, in this order.
 *
 * For vectors, the convolution goes over time and keeps the number of steps. `kernelSize` must be odd, `stride` must be
 * 1, and `padding` must be `dilation * (kernelSize - 1) / 2`, which is its default for vectors. There is no pooling.
 */
export interface CnnBlockOptions {
  /** Number of channels that the convolution makes. */
  readonly outChannels: number
  /** Height and width of the convolution's kernel, in pixels. Default 3. */
  readonly kernelSize?: number | undefined
  /** Step of the kernel, in pixels. Default 1. */
  readonly stride?: number | undefined
  /** Width of the border of zeros on every side, in pixels. Default 1. */
  readonly padding?: number | undefined
  /** Distance between the kernel's weights, in pixels. Default 1. */
  readonly dilation?: number | undefined
  /**
   * Groups of channels that the convolution does not mix. The number must divide both numbers of channels. Default 1.
   */
  readonly groups?: number | undefined
  /** The normalisation after the convolution. Default `null`: none. */
  readonly norm?: Norm | null | undefined
  /**
   * Whether the block's input is added before the activation. When the block changes the number of channels, or has a
   * stride, the input first goes through a convolution of 1 × 1 with that stride. In the first block that convolution
   * is named `cnn.shortcut1`. Default false.
   */
  readonly residual?: boolean | undefined
  /** The function after the norm and the residual sum. Default `'relu'`. */
  readonly activation?: Activation | undefined
  /**
   * Height, width and step of the max-pooling window, in pixels. `null`: no max-pooling. Default 2; with `avgPool`,
   * `null`.
   */
  readonly maxPool?: number | null | undefined
  /** Height, width and step of the average-pooling window, in pixels. It replaces max-pooling. Default `null`: none. */
  readonly avgPool?: number | null | undefined
  /** Share of values that training drops after the pooling, in [0, 1), as `torch.nn.Dropout` does. Default 0. */
  readonly dropout?: number | undefined
}

/** {@link CnnBlockOptions} with every default filled in. */
export interface CnnBlockConfig {
  readonly outChannels: number
  readonly kernelSize: number
  readonly stride: number
  readonly padding: number
  readonly dilation: number
  readonly groups: number
  readonly norm: Norm | null
  readonly residual: boolean
  readonly activation: Activation
  readonly maxPool: number | null
  readonly avgPool: number | null
  readonly dropout: number
}

const BLOCK_KEYS: readonly (keyof CnnBlockOptions)[] = [
  'outChannels',
  'kernelSize',
  'stride',
  'padding',
  'dilation',
  'groups',
  'norm',
  'residual',
  'activation',
  'maxPool',
  'avgPool',
  'dropout',
]

/** Checks the blocks, and checks that frames of the input's size go through them. */
export function checkCnn(blocks: readonly CnnBlockOptions[], input: FrameInput): CnnBlockConfig[] {
  if (!Array.isArray(blocks)) throw typeError('an array of blocks', 'cnn', blocks)
  const cnn = Array.from(blocks, (block: CnnBlockOptions, index) => checkBlock(block, `cnn[${index}]`))
  checkSizes(input, cnn)
  return cnn
}

export function checkGlobalPool(given: unknown, input: InputOptions, preset: GlobalPool): GlobalPool {
  const globalPool = checkOneOf(given === undefined ? preset : given, 'globalPool', ['none', 'average'])
  if (isVector(input) && globalPool !== 'none') throw rangeError("'none' for vectors", 'globalPool', globalPool)
  return globalPool
}

export function checkBlockKeys(block: CnnBlockOptions, name: string): void {
  block = checkOptions(block, name, BLOCK_KEYS)
}

/** A block with its defaults filled in. Each option is checked by itself. */
export function checkBlock(block: CnnBlockOptions, name: string): CnnBlockConfig {
  checkBlockKeys(block, name)
  const { kernelSize = 3, stride = 1, padding = 1, dilation = 1, groups = 1 } = block
  const { norm = null, residual = false, activation = 'relu', dropout = 0 } = block
  return {
    outChannels: checkInteger(block.outChannels, `${name}.outChannels`, 1, LARGEST),
    kernelSize: checkInteger(kernelSize, `${name}.kernelSize`, 1, LARGEST),
    stride: checkInteger(stride, `${name}.stride`, 1, LARGEST),
    padding: checkInteger(padding, `${name}.padding`, 0, LARGEST),
    dilation: checkInteger(dilation, `${name}.dilation`, 1, LARGEST),
    groups: checkInteger(groups, `${name}.groups`, 1, LARGEST),
    norm: norm === null ? null : checkOneOf<Norm>(norm, `${name}.norm`, ['batch', 'layer']),
    residual: checkBoolean(residual, `${name}.residual`),
    activation: checkOneOf(activation, `${name}.activation`, ACTIVATIONS),
    ...checkPools(block, name),
    dropout: checkNumber(dropout, `${name}.dropout`, 0, 1),
  }
}

/** An average pool replaces the default max-pool. A block with both is refused. */
function checkPools(block: CnnBlockOptions, name: string): Pick<CnnBlockConfig, 'maxPool' | 'avgPool'> {
  const window = (value: number | null, option: string): number | null =>
    value === null ? null : checkInteger(value, `${name}.${option}`, 1, LARGEST)
  const avgPool = window(block.avgPool ?? null, 'avgPool')
  const maxPool = window(block.maxPool === undefined ? (avgPool === null ? 2 : null) : block.maxPool, 'maxPool')
  if (avgPool !== null && maxPool !== null) {
    throw new RangeError(
      `Expected at most one of \`${name}.maxPool\` and \`${name}.avgPool\`, received ${maxPool} and ${avgPool}`,
    )
  }
  return { maxPool, avgPool }
}

/** Follows a frame through the blocks. Every block must leave at least one pixel. */
function checkSizes({ channels, height, width }: FrameInput, cnn: readonly CnnBlockConfig[]): void {
  let [c, h, w] = [channels, height, width]
  for (const [index, block] of cnn.entries()) {
    const name = `cnn[${index}]`
    checkGroups(block, c, name)
    const [convolvedH, convolvedW] = checkConvolution(block, h, w, name)
    const { outChannels, maxPool, avgPool } = block
    const [option, window] = avgPool === null ? ['maxPool', maxPool ?? 1] : ['avgPool', avgPool]
    if (convolvedH < window || convolvedW < window) {
      throw new RangeError(
        `Expected an output of at least the pool's size for \`${name}\`, received ${convolvedH}×${convolvedW} pixels ` +
          `for ${option} ${describe(window)}; use fewer blocks, larger frames or \`${option}: null\``,
      )
    }
    ;[c, h, w] = [outChannels, Math.floor(convolvedH / window), Math.floor(convolvedW / window)]
  }
}

export function checkGroups({ outChannels, groups }: CnnBlockConfig, channels: number, name: string): void {
  if (channels % groups === 0 && outChannels % groups === 0) return
  throw new RangeError(
    `Expected a divisor of both ${channels} and ${outChannels} channels for \`${name}.groups\`, received ${groups}`,
  )
}

/** The size that a frame has after a block's convolution. */
function checkConvolution(block: CnnBlockConfig, height: number, width: number, name: string): [number, number] {
  const { kernelSize, stride, padding, dilation, residual } = block
  const span = dilation * (kernelSize - 1) + 1
  const convolved = (size: number): number => Math.floor((size + 2 * padding - span) / stride) + 1
  const [h, w] = [convolved(height), convolved(width)]
  if (h < 1 || w < 1) {
    const spread = dilation === 1 ? '' : ` and dilation ${dilation}`
    throw new RangeError(
      `Expected an input of at least the kernel's size for \`${name}\`, received ${height}×${width} pixels ` +
        `(with padding ${padding}) for kernelSize ${kernelSize}${spread}`,
    )
  }
  const [ownH, ownW] = [height, width].map((size) => Math.floor((size - 1) / stride) + 1)
  if (residual && (h !== ownH || w !== ownW)) {
    throw new RangeError(
      `Expected a convolution whose output has ${ownH}×${ownW} pixels for \`${name}.residual\`, ` +
        `received one of ${h}×${w}; set \`${name}.padding\``,
    )
  }
  return [h, w]
}
