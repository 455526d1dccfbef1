import { checkInteger, checkSeed } from './common/checks'
import { native } from './native'

/**
 * Seeds the process's generator, from which models without a `seed` of their own draw: `torch.manual_seed`.
 *
 * @param seed - A non-negative safe integer, or a bigint of at most 64 bits.
 */
export function manualSeed(seed: number | bigint): void {
  const checked = checkSeed(seed, 'seed')
  native().manualSeed(checked)
}

/** Whether a CUDA device can be used. */
export function isCudaAvailable(): boolean {
  return native().cudaDeviceCount() > 0
}

/** How many CPU threads each operation uses; for the whole process. */
export function setNumThreads(count: number): void {
  const checked = checkInteger(count, 'count', 1, 1024)
  native().setNumThreads(checked)
}

/** How many CPU threads each operation uses. */
export function getNumThreads(): number {
  return native().getNumThreads()
}
