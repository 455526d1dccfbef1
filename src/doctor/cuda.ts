/** Whether a GPU can be used, and if not, the exact reason. */
import { execFileSync } from 'node:child_process'
import { note, ok } from './check'
import { LIBTORCH_VARIABLE } from '../loader/libtorch'
import type { Check } from './check'
import type { Location } from '../loader/locate'

/** `devices`: how many the package can use. A machine without a GPU is as it should be. */
export function checkCuda(devices: number, location: Location | undefined): Check {
  const gpus = nvidiaGpus()
  const list = gpus?.join('; ')
  if (devices > 0) return ok('CUDA', `${devices} devices${list === undefined ? '' : `: ${list}`}`)
  if (gpus === undefined)
    return ok('CUDA', 'no NVIDIA driver on this machine (nvidia-smi was not found): the CPU is used')
  if (location?.libtorch?.from === 'environment') {
    const remedy =
      'check that its CUDA build fits the driver: `python3 -c "import torch; print(torch.cuda.is_available())"`'
    return note('CUDA', `${list}, but this PyTorch cannot use it`, remedy)
  }
  const remedy = `install a PyTorch 2.11.0 with CUDA and set ${LIBTORCH_VARIABLE} to its torch/lib`
  return note('CUDA', `${list}, but the libtorch that npm installs computes on the CPU only`, remedy)
}

/** Name, compute capability and driver of each GPU; `undefined` without NVIDIA's driver. */
function nvidiaGpus(): string[] | undefined {
  try {
    const query = ['--query-gpu=name,compute_cap,driver_version', '--format=csv,noheader']
    const output = execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const lines = output.trim().split('\n').filter(Boolean)
    return lines.map((line) => line.replace(/^(.*), (.*), (.*)$/, '$1 (compute capability $2, driver $3)'))
  } catch {
    return undefined
  }
}
