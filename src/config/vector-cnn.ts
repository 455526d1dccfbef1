/** The blocks of vectors: convolutions over time. They keep the number of steps. */
import { checkInteger, rangeError, typeError } from '../common/checks'
import { checkBlock, checkBlockKeys, checkGroups } from './cnn'
import { LARGEST } from './sizes'
import type { CnnBlockConfig, CnnBlockOptions } from './cnn'
import type { VectorInput } from './input'

/** Checks blocks for vectors of the input's size. Only options that keep the number of steps are possible. */
export function checkVectorCnn(blocks: readonly CnnBlockOptions[], { features }: VectorInput): CnnBlockConfig[] {
  if (!Array.isArray(blocks)) throw typeError('an array of blocks', 'cnn', blocks)
  let channels = features
  return Array.from(blocks, (options: CnnBlockOptions, index) => {
    const block = checkVectorBlock(options, `cnn[${index}]`)
    checkGroups(block, channels, `cnn[${index}]`)
    channels = block.outChannels
    return block
  })
}

function checkVectorBlock(options: CnnBlockOptions, name: string): CnnBlockConfig {
  checkBlockKeys(options, name)
  const { kernelSize = 3, dilation = 1 } = options
  if (checkInteger(kernelSize, `${name}.kernelSize`, 1, LARGEST) % 2 === 0) {
    throw rangeError('an odd number for vectors', `${name}.kernelSize`, kernelSize)
  }
  const same = (checkInteger(dilation, `${name}.dilation`, 1, LARGEST) * (kernelSize - 1)) / 2
  const { padding = same, maxPool = null } = options
  const block = checkBlock({ ...options, padding, maxPool }, name)
  if (block.stride !== 1) throw rangeError('1 for vectors', `${name}.stride`, block.stride)
  if (block.padding !== same) {
    throw rangeError(`${same} for vectors, which keeps the time,`, `${name}.padding`, block.padding)
  }
  for (const option of ['maxPool', 'avgPool'] as const) {
    if (block[option] !== null) throw rangeError('null for vectors', `${name}.${option}`, block[option])
  }
  return block
}
