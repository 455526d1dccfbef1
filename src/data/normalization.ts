import { AbortScope, checkSignal } from '../common/abort'
import { checkOptions } from '../common/checks'
import { DataLoader } from './data-loader'
import { profile } from './statistics'
import { ZoetropeError } from '../errors'
import type { DataSource } from './data-source'
import type { NormalizeOptions } from '../config/normalize'

/** Options of {@link normalization}. */
export interface NormalizationOptions {
  /** Stops the work; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Mean and deviation of each channel of the frames, or of each feature of the vectors, over all valid frames of a
 * dataset. `CnnLstm.create({ normalize })` takes the result. Use the training part only. Bytes count as 0…1, and a channel
 * that is the same everywhere gets a deviation of 1.
 *
 * @throws {ZoetropeError} `ERR_DATA` for values that are NaN or infinite, when the dataset fails or is empty,
 * `ERR_SHAPE_MISMATCH` for samples of different sizes.
 */
export async function normalization(
  source: DataSource,
  options: NormalizationOptions = {},
): Promise<NormalizeOptions & { readonly mean: number[]; readonly std: number[] }> {
  const { signal } = checkOptions(options, 'options', ['signal'])
  const abort = new AbortScope(checkSignal(signal, 'signal'))
  try {
    const { channels } = await profile(new DataLoader(source, { batchSize: 64 }), abort)
    for (const [channel, { notFinite }] of channels.entries()) {
      if (notFinite === 0) continue
      const message = `Expected finite values, received ${notFinite} that are NaN or infinite in channel ${channel}`
      throw new ZoetropeError('ERR_DATA', message, { channel, count: notFinite })
    }
    if (channels.length === 0) throw new ZoetropeError('ERR_DATA', 'Expected at least one sample, received none', {})
    return { mean: channels.map(({ mean }) => mean), std: channels.map(({ std }) => (std > 0 ? std : 1)) }
  } finally {
    abort.release()
  }
}
