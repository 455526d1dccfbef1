import { AbortScope } from '../common/abort'
import { auditCheaply } from './audit'
import type { DataLoader } from '../data/data-loader'
import type { Finding } from './finding'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/** Warns of problems of inputs and targets, and gives what was found. An error here is ignored: the training will meet the same error. */
export async function warnOfFindings(
  model: AnyCnnLstm,
  loader: DataLoader,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const abort = new AbortScope(signal)
  try {
    const findings = await auditCheaply(model, loader, abort)
    for (const { level, message, remedy, code } of findings) {
      if (level === 'info') continue
      const text = `${code}: ${message}; ${remedy} (\`audit: false\` of \`fit\` leaves this check out)`
      process.emitWarning(text, { type: 'ZoetropeWarning', code: 'ZOETROPE_AUDIT' })
    }
    return findings
  } catch {
    return [] //                                         the epoch meets the same, and tells
  } finally {
    abort.release()
  }
}
