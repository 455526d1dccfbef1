/** One line of what `npx zoetrope doctor` prints. */
export interface Check {
  /** What was looked at. */
  readonly name: string
  /**
   * `ok`; `note`: it works, but could be better or is worth knowing; `failed`: a model cannot be trained here.
   */
  readonly status: 'ok' | 'note' | 'failed'
  /** What was found. */
  readonly found: string
  /** What to do about it; absent where nothing is to be done. */
  readonly remedy?: string
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found }
}

export function note(name: string, found: string, remedy: string): Check {
  return { name, status: 'note', found, remedy }
}

export function failed(name: string, found: string, remedy: string): Check {
  return { name, status: 'failed', found, remedy }
}
