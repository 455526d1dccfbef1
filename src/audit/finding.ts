/** `'error'`: the training cannot work. `'warning'`: the training will be worse. `'info'`: good to know. */
export type FindingLevel = 'error' | 'warning' | 'info'

/** The codes of {@link audit}'s findings. `docs/audit.md` says how each is measured. */
export type FindingCode =
  | 'inputs-not-finite'
  | 'inputs-unscaled'
  | 'inputs-constant'
  | 'inputs-unseen'
  | 'normalize-mismatch'
  | 'targets-out-of-range'
  | 'targets-missing-class'
  | 'targets-one-class'
  | 'targets-imbalanced'
  | 'no-gradient'
  | 'dead-units'
  | 'loss-not-finite'
  | 'gradient-not-finite'
  | 'all-blank'
  | 'does-not-overfit'
  | 'overfits-one-batch'
  | 'overfit-unseen'
  | 'leakage'
  | 'leakage-unseen'
  | 'cost'

/** One thing that an audit found. */
export interface Finding {
  readonly level: FindingLevel
  readonly code: FindingCode
  /** What the audit saw, with figures. */
  readonly message: string
  /** What to do; empty when there is nothing to do. */
  readonly remedy: string
}

export function formatFinding({ level, code, message, remedy }: Finding): string {
  return `${level.padEnd(7)} ${code}: ${message}${remedy === '' ? '' : `\n        → ${remedy}`}`
}

/** The first few of some names, and how many more there are. */
export function shortList(names: readonly (string | number)[], most = 5): string {
  const rest = names.length - most
  return `${names.slice(0, most).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
