/** Who runs: Zoetrope's paths, and PyTorch as people use it. */
import { engineVariable } from './worker.mjs'

/** The names are those that torch_bench.py knows. */
export const torchContenders = [
  { key: 'defaults', label: 'PyTorch, defaults' },
  { key: 'channels_last', label: 'PyTorch, channels_last + fused Adam' },
  { key: 'compiled', label: 'PyTorch, the same + torch.compile(cnn)' },
].map((contender) => ({ ...contender, kind: 'torch', configuration: contender.key }))

const zoetropePaths = {
  default: { key: 'zoetrope', label: 'Zoetrope', env: {} },
  reference: { key: 'reference', label: 'Zoetrope, reference path', env: { [engineVariable]: 'reference' } },
}

/** The first is the one whose figures are held against the bars. */
export function zoetropeContenders(paths) {
  return paths.map((path) => ({ ...zoetropePaths[path], kind: 'zoetrope', configuration: path }))
}

export const rustContender = { key: 'rust', label: 'Rust loop', kind: 'rust', configuration: 'default', env: {} }
