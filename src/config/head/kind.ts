/**
 * What a head predicts: one class, any number of labels at once, numbers, a string of labels in the order of the frames,
 * the clip's next steps, or a string of labels that a decoder writes.
 */
export type HeadKind = 'classification' | 'multiLabel' | 'regression' | 'ctc' | 'forecast' | 'sequence'

export const HEAD_KINDS: readonly HeadKind[] = [
  'classification',
  'multiLabel',
  'regression',
  'ctc',
  'forecast',
  'sequence',
]

/** Whether the target of a sample is a string of labels. */
export function hasLabelStrings(kind: HeadKind): kind is 'ctc' | 'sequence' {
  return kind === 'ctc' || kind === 'sequence'
}

/** Whether raw outputs have an axis of time: one row for each frame. */
export function hasOutputsPerFrame({ kind, per }: { readonly kind: HeadKind; readonly per: HeadPer }): boolean {
  return per === 'frame' || kind === 'ctc'
}

/** Whether a clip has one answer, or each of its frames has one. */
export type HeadPer = 'clip' | 'frame'
