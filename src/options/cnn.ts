/** The CNN's blocks: what a user writes, its check, and the sizes that frames have on their way. */
import { checkInteger, checkOneOf, checkOptions, describe, typeError } from '../checks'
import { LARGEST } from './sizes'
import type { InputOptions } from '../options'

/** One block of the CNN: convolution, activation, pooling. */
export interface CnnBlockOptions {
  /** Channels that the convolution makes. */
  readonly outChannels: number
  /** Height and width of the convolution's kernel, in pixels. Default 3. */
  readonly kernelSize?: number | undefined
  /** Step of the kernel, in pixels. Default 1. */
  readonly stride?: number | undefined
  /** Zeros added on every side, in pixels. Default 1. */
  readonly padding?: number | undefined
  /** Default `'relu'`. */
  readonly activation?: 'relu' | 'none' | undefined
  /** Height, width and step of the max-pooling window, in pixels; `null` for no pooling. Default 2. */
  readonly maxPool?: number | null | undefined
}

/** {@link CnnBlockOptions} with every default filled in. */
export interface CnnBlockConfig {
  readonly outChannels: number
  readonly kernelSize: number
  readonly stride: number
  readonly padding: number
  readonly activation: 'relu' | 'none'
  readonly maxPool: number | null
}

const BLOCK_KEYS = ['outChannels', 'kernelSize', 'stride', 'padding', 'activation', 'maxPool']

/** Checks blocks, and that frames of the input's size go through them. */
export function checkCnn(blocks: readonly CnnBlockOptions[], input: InputOptions): CnnBlockConfig[] {
  if (!Array.isArray(blocks)) throw typeError('an array of blocks', 'cnn', blocks)
  const cnn = Array.from(blocks, (block: CnnBlockOptions, index) => checkBlock(block, `cnn[${index}]`))
  checkSizes(input, cnn)
  return cnn
}

function checkBlock(block: CnnBlockOptions, name: string): CnnBlockConfig {
  checkOptions(block, name, BLOCK_KEYS)
  const { kernelSize = 3, stride = 1, padding = 1, activation = 'relu', maxPool = 2 } = block
  return {
    outChannels: checkInteger(block.outChannels, `${name}.outChannels`, 1, LARGEST),
    kernelSize: checkInteger(kernelSize, `${name}.kernelSize`, 1, LARGEST),
    stride: checkInteger(stride, `${name}.stride`, 1, LARGEST),
    padding: checkInteger(padding, `${name}.padding`, 0, LARGEST),
    activation: checkOneOf(activation, `${name}.activation`, ['relu', 'none']),
    maxPool: maxPool === null ? null : checkInteger(maxPool, `${name}.maxPool`, 1, LARGEST),
  }
}

/** Follows a frame through the blocks; every block must leave at least one pixel. */
function checkSizes({ height, width }: InputOptions, cnn: readonly CnnBlockConfig[]): void {
  let [h, w] = [height, width]
  for (const [index, { kernelSize, stride, padding, maxPool }] of cnn.entries()) {
    const name = `cnn[${index}]`
    const came = `${h}×${w}`
    const convolved = (size: number): number => Math.floor((size + 2 * padding - kernelSize) / stride) + 1
    ;[h, w] = [convolved(h), convolved(w)]
    if (h < 1 || w < 1) {
      throw new RangeError(
        `Expected an input of at least the kernel's size for \`${name}\`, received ${came} pixels ` +
          `(with padding ${padding}) for kernelSize ${kernelSize}`,
      )
    }
    if (maxPool === null) continue
    if (h < maxPool || w < maxPool) {
      throw new RangeError(
        `Expected an output of at least the pool's size for \`${name}\`, received ${h}×${w} pixels ` +
          `for maxPool ${describe(maxPool)}; use fewer blocks, larger frames or \`maxPool: null\``,
      )
    }
    ;[h, w] = [Math.floor(h / maxPool), Math.floor(w / maxPool)]
  }
}
