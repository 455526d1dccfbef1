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

/**
 * Sets how many CPU threads each operation uses, for the whole process, from each model's next call on. A
 * count above the number of cores that the process may use counts as that number: {@link getNumThreads} tells. It returns
 * at once; each model makes its threads at its next call, which rejects with `ERR_OUT_OF_MEMORY` where the system refuses
 * one.
 *
 * @param count - From 1 to 1024. Without a call: the number of cores, or `OMP_NUM_THREADS` where that is less.
 */
export function setNumThreads(count: number): void {
  const checked = checkInteger(count, 'count', 1, 1024)
  native().setNumThreads(checked)
}

/** How many CPU threads each operation uses. */
export function getNumThreads(): number {
  return native().getNumThreads()
}
