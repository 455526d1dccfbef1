import { AbortScope } from '../common/abort'
import { auditCheaply } from './audit'
import type { DataLoader } from '../data/data-loader'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/** Warns of what is wrong with inputs and targets. What fails here fails in the training too, and is left to that. */
export async function warnOfFindings(
  model: AnyCnnLstm,
  loader: DataLoader,
  signal: AbortSignal | undefined,
): Promise<void> {
  const abort = new AbortScope(signal)
  try {
    const findings = await auditCheaply(model, loader, abort)
    for (const { level, message, remedy, code } of findings) {
      if (level === 'info') continue
      const text = `${code}: ${message}; ${remedy} (\`audit: false\` of \`fit\` leaves this check out)`
      process.emitWarning(text, { type: 'ZoetropeWarning', code: 'ZOETROPE_AUDIT' })
    }
  } catch {
    //                                                   the epoch meets the same, and tells
  } finally {
    abort.release()
  }
}
