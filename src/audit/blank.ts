/** Label strings that came to be nothing but blanks. */
import type { NativeModelAudit } from '../native'
import type { Finding } from './finding'

/** The mean probability of the blank from which on a model has learned it, and does not just begin with it. */
const LEARNED_BLANK = 0.8
/** Updates after which answers without any label say something. */
const ENOUGH_STEPS = 100

const REMEDY =
  'blanks are learned first, labels after them: go on for some epochs; if it lasts, raise the learning rate (with ' +
  '`clipNorm: 1`), normalise the inputs, and give each label fewer frames (a larger step of `windows`, fewer frames a second)'

/** What the first batch shows of the weights as they are. */
export function auditBlank({ allBlank }: NativeModelAudit): Finding[] {
  if (allBlank === undefined || allBlank < LEARNED_BLANK) return []
  const message = `the blank is the likeliest output of every frame of the first batch, with a mean probability of ${allBlank.toPrecision(3)}`
  return [{ level: 'warning', code: 'all-blank', message, remedy: REMEDY }]
}

/** What an epoch of training shows: a share of answers without any label, after so many updates in all. */
export function auditEpoch(empty: number | undefined, steps: number): Finding[] {
  if (empty !== 1 || steps < ENOUGH_STEPS) return []
  const message = `no answer of an epoch had any label, after ${steps} updates`
  return [{ level: 'warning', code: 'all-blank', message, remedy: REMEDY }]
}
