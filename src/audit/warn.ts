import { AbortScope } from '../common/abort'
import { auditCheaply } from './audit'
import { auditEpoch } from './blank'
import type { DataLoader } from '../data/data-loader'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { Finding } from './finding'

/** Warns of problems of inputs and targets, and gives what was found. An error here is ignored: the training will meet the same error. */
export async function warnOfFindings(
  model: AnyCnnLstm,
  loader: DataLoader,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const abort = new AbortScope(signal)
  try {
    const findings = await auditCheaply(model, loader, abort)
    warnOf(findings)
    return findings
  } catch {
    return [] //                                         the epoch meets the same, and tells
  } finally {
    abort.release()
  }
}

/** Warns of an epoch after which the answers have no labels. Returns whether it did. */
export function warnOfEpoch(empty: number | undefined, steps: number): boolean {
  const findings = auditEpoch(empty, steps)
  warnOf(findings)
  return findings.length > 0
}

function warnOf(findings: readonly Finding[]): void {
  for (const { level, message, remedy, code } of findings) {
    if (level === 'info') continue
    const text = `${code}: ${message}; ${remedy} (\`audit: false\` of \`fit\` leaves this check out)`
    process.emitWarning(text, { type: 'ZoetropeWarning', code: 'ZOETROPE_AUDIT' })
  }
}
