/** The likeliest path of one label string through the frames, as `align.rs` of the native half. */

/** The frames of one label. */
export interface Frames {
  /** Its first frame. */
  readonly from: number
  /** The frame after its last. */
  readonly to: number
}

/**
 * The frames of each label on the likeliest path that reads as the string; none where no path does.
 *
 * Viterbi's algorithm over blank, label, blank, …, label, blank; of equal paths the one that moves on last.
 *
 * @param rows - Log-probabilities of each frame, the blank first.
 */
export function align(labels: readonly number[], rows: readonly Float64Array[]): Frames[] {
  const outputs = [0, ...labels.flatMap((label) => [label + 1, 0])]
  const isLabel = (state: number): boolean => state % 2 === 1
  const farthest = (state: number): number =>
    isLabel(state) && state >= 3 && outputs[state] !== outputs[state - 2] ? 2 : 1
  let scores = outputs.map(() => -Infinity)
  const moves = rows.map((row, frame) => {
    const steps = new Uint8Array(outputs.length)
    const before = scores
    scores = outputs.map((output, state) => {
      const here = row[output] ?? -Infinity
      if (frame === 0) return state < 2 ? here : -Infinity
      let best = before[state] ?? -Infinity
      for (let back = 1; back <= farthest(state); back++) {
        const from = before[state - back] ?? -Infinity
        if (from > best) [best, steps[state]] = [from, back]
      }
      return best + here
    })
    return steps
  })
  const [last = -Infinity, beforeLast = -Infinity] = [scores.at(-1), scores.at(-2)]
  let state = outputs.length - (labels.length > 0 && beforeLast >= last ? 2 : 1)
  if (rows.length === 0 || scores[state] === -Infinity) return []
  const spans = labels.map(() => ({ from: 0, to: 0 }))
  for (let frame = rows.length - 1; frame >= 0; frame--) {
    const span = isLabel(state) ? spans[(state - 1) / 2] : undefined
    if (span !== undefined) {
      span.from = frame
      span.to = Math.max(span.to, frame + 1)
    }
    state -= moves[frame]?.[state] ?? 0
  }
  return spans
}
