import type { IntegerArray } from '../data/targets'

/** Options of {@link CnnLstm.predict} and {@link CnnLstm.logits}. */
export interface ClipOptions {
  /** The number of valid frames of each clip, `[batch]`. The frames after them do not count. Default all frames. */
  readonly lengths?: IntegerArray | undefined
}
