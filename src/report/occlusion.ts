/** Which frames an answer hangs on: they are covered, stretch by stretch, and the model is asked again. */
import { types } from 'node:util'
import { numbersOf } from './answers'
import { framesOf, sampleHasTime } from '../data/shapes'
import type { NdArray } from '../common/nd-array'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/** A stretch of a clip, and what covering it changes. */
export interface Occlusion {
  /** Frames, from 0; `to` is the one behind the last. */
  readonly from: number
  readonly to: number
  /**
   * By how much the probability of the answered class falls; of other heads the mean absolute change of the numbers. Below
   * 0 where covering makes the model surer.
   */
  readonly change: number
}

/** Stretches that a clip is cut into. Shorter clips are covered frame by frame. */
const MOST_STRETCHES = 16

/** Covers the frames of one clip by the clip's mean frame. `undefined` for a clip of one frame, and for answers per frame. */
export async function occlusionOf(model: AnyCnnLstm, input: NdArray): Promise<Occlusion[] | undefined> {
  const { data, shape } = input
  const time = framesOf(shape)
  const { head } = model.config
  if (!sampleHasTime(shape) || time < 2 || head.per === 'frame') return undefined
  const count = Math.min(time, MOST_STRETCHES)
  const edges = Array.from({ length: count + 1 }, (_, index) => Math.round((index * time) / count))
  const size = data.length / time
  const mean = meanFrame(data, time)
  const clips = types.isUint8Array(data)
    ? new Uint8Array((count + 1) * data.length)
    : new Float32Array((count + 1) * data.length)
  for (let clip = 0; clip <= count; clip++) {
    clips.set(data, clip * data.length)
    if (clip === 0) continue //                              as it is
    const [from = 0, to = 0] = edges.slice(clip - 1, clip + 1)
    for (let frame = from; frame < to; frame++) clips.set(mean, clip * data.length + frame * size)
  }
  const answers: readonly unknown[] = await model.predict({ data: clips, shape: [count + 1, ...shape] })
  const [whole = new Float32Array(0), ...covered] = answers.map(numbersOf)
  const answered = whole.indexOf(whole.reduce((most, value) => Math.max(most, value), -Infinity))
  return covered.map((numbers, index) => ({
    from: edges[index] ?? 0,
    to: edges[index + 1] ?? time,
    change:
      head.kind === 'classification'
        ? (whole[answered] ?? NaN) - (numbers[answered] ?? NaN)
        : numbers.reduce((sum, value, at) => sum + Math.abs(value - (whole[at] ?? NaN)), 0) / numbers.length,
  }))
}

/** The mean change over the tenths of several clips. */
export function meanOcclusion(clips: readonly (readonly Occlusion[])[], parts: number): number[] {
  const sums = Array.from({ length: parts }, () => ({ sum: 0, weight: 0 }))
  for (const stretches of clips) {
    const time = stretches.at(-1)?.to ?? 1
    for (const { from, to, change } of stretches) {
      for (const [part, total] of sums.entries()) {
        // How much of the stretch lies in this part of the clip.
        const shared = Math.min(to / time, (part + 1) / parts) - Math.max(from / time, part / parts)
        if (shared <= 0 || Number.isNaN(change)) continue
        total.sum += shared * change
        total.weight += shared
      }
    }
  }
  return sums.map(({ sum, weight }) => sum / weight)
}

function meanFrame(data: NdArray['data'], time: number): Float64Array {
  const size = data.length / time
  const mean = new Float64Array(size)
  for (let at = 0; at < data.length; at++) mean[at % size] = (mean[at % size] ?? 0) + (data[at] ?? 0) / time
  return types.isUint8Array(data) ? mean.map(Math.round) : mean
}
