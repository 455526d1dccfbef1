/** The CNN's blocks: what a user writes, its check, and the sizes that frames have on their way. */
import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOneOf,
  checkOptions,
  describe,
  typeError,
} from '../common/checks'
import { LARGEST } from './sizes'
import type { FrameInput } from './input'

/** The function after a convolution: max(0, x), x · Φ(x), x · sigmoid(x), or x. */
export type Activation = 'relu' | 'gelu' | 'silu' | 'none'

/**
 * What stands between a convolution and its activation, with a weight and a bias for each channel.
 * `'batch'`: each channel over the frames and pixels of the batch, as `torch.nn.BatchNorm2d`.
 * `'layer'`: each frame over its channels and pixels, as `torch.nn.GroupNorm(1, channels)`.
 */
export type Norm = 'batch' | 'layer'

/** `'average'`: one feature for each channel, its mean over the pixels. `'none'`: one for each channel and pixel. */
export type GlobalPool = 'none' | 'average'

/**
 * One block of the CNN: convolution, norm, residual sum, activation, pooling, dropout, in this order.
 *
 * Of vectors the convolution is over time and keeps the number of steps: `kernelSize` is odd, `stride` 1, `padding`
 * `dilation * (kernelSize - 1) / 2` (its default there), and there is no pooling.
 */
export interface CnnBlockOptions {
  /** Channels that the convolution makes. */
  readonly outChannels: number
  /** Height and width of the convolution's kernel, in pixels. Default 3. */
  readonly kernelSize?: number | undefined
  /** Step of the kernel, in pixels. Default 1. */
  readonly stride?: number | undefined
  /** Zeros added on every side, in pixels. Default 1. */
  readonly padding?: number | undefined
  /** Distance of the kernel's taps, in pixels. Default 1. */
  readonly dilation?: number | undefined
  /** Groups of channels that the convolution does not mix; divides both numbers of channels. Default 1. */
  readonly groups?: number | undefined
  /** Default `null`: none. */
  readonly norm?: Norm | null | undefined
  /**
   * Whether the block's input is added before the activation: as it is, or, where the block changes the number of
   * channels or strides, through a convolution of 1 × 1 with that stride, named `cnn.shortcut1` in the first block.
   * Default false.
   */
  readonly residual?: boolean | undefined
  /** Default `'relu'`. */
  readonly activation?: Activation | undefined
  /** Height, width and step of the max-pooling window, in pixels; `null` for none. Default 2, or `null` with `avgPool`. */
  readonly maxPool?: number | null | undefined
  /** Height, width and step of the average-pooling window, in pixels, instead of max-pooling. Default `null`. */
  readonly avgPool?: number | null | undefined
  /** Share of values dropped after the pooling while training, in [0, 1), as `torch.nn.Dropout` does. Default 0. */
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

/** Checks blocks, and that frames of the input's size go through them. */
export function checkCnn(blocks: readonly CnnBlockOptions[], input: FrameInput): CnnBlockConfig[] {
  if (!Array.isArray(blocks)) throw typeError('an array of blocks', 'cnn', blocks)
  const cnn = Array.from(blocks, (block: CnnBlockOptions, index) => checkBlock(block, `cnn[${index}]`))
  checkSizes(input, cnn)
  return cnn
}

export function checkGlobalPool(globalPool: unknown = 'none'): GlobalPool {
  return checkOneOf(globalPool, 'globalPool', ['none', 'average'])
}

export function checkBlockKeys(block: CnnBlockOptions, name: string): void {
  checkOptions(block, name, BLOCK_KEYS)
}

/** A block with its defaults filled in, every option checked by itself. */
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
    activation: checkOneOf(activation, `${name}.activation`, ['relu', 'gelu', 'silu', 'none']),
    ...checkPools(block, name),
    dropout: checkNumber(dropout, `${name}.dropout`, 0, 1),
  }
}

/** An average pool replaces the max-pool of the default; both at once are a contradiction. */
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

/** Follows a frame through the blocks; every block must leave at least one pixel. */
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
