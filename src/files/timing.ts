/**
 * Which frames of a file a sample has. `fps` and `stride` take some of the file's frames: its *steps*. `from` and `to`
 * name a stretch of these, which windows cut; `timeSteps` and `maxFrames` say how many of a window's steps are taken.
 */
import { fileError } from '../data/readers/file-error'
import type { TimingPreprocessing } from '../config/preprocessing'

/** How long a file is. */
export interface ClipLength {
  /** Steps: the frames that are left after `fps` and `stride`. */
  readonly steps: number
  /** The file's own frames in a second, where that is known. */
  readonly rate: number | undefined
}

/** Some steps, one after the other. */
export interface Stretch {
  readonly start: number
  readonly count: number
}

/** The part of a file that a manifest names. */
export interface Part {
  readonly path: string
  readonly from: number | undefined
  readonly to: number | undefined
}

/** Room for rounding: a third of a second at 30 frames is 10 of them, not 9.999. */
const SLACK = 1e-6

/** The source frame of each step of a file of `total` frames. */
export function stepsOf(
  path: string,
  total: number,
  rate: number | undefined,
  timing: TimingPreprocessing,
): Uint32Array {
  const { fps, stride } = timing
  const perStep = fps === null ? stride : (stride * needRate(path, rate, timing)) / fps
  const steps = Math.max(1, Math.ceil(total / perStep - SLACK))
  return Uint32Array.from({ length: steps }, (_, step) => Math.min(total - 1, Math.floor(step * perStep + SLACK)))
}

/** The source frame of each step of a video: with `fps`, the one that is shown at the time. */
export function stepsAt(times: Float64Array, { fps, stride }: TimingPreprocessing): Uint32Array {
  const total = times.length
  if (fps === null) return Uint32Array.from({ length: Math.ceil(total / stride) }, (_, step) => step * stride)
  const last = times[total - 1] ?? 0
  const shown = total > 1 ? last / (total - 1) : 0 //       the last frame is shown as long as the others on average
  const steps = Math.max(1, Math.ceil(((last + shown) * fps) / stride - SLACK))
  const frames = new Uint32Array(steps)
  for (let step = 0, frame = 0; step < steps; step++) {
    while (frame + 1 < total && (times[frame + 1] ?? 0) <= (step * stride) / fps + SLACK) frame++
    frames[step] = frame
  }
  return frames
}

/** The steps of a part. */
export function stretchOf(part: Part, { steps, rate }: ClipLength, timing: TimingPreprocessing): Stretch {
  const { path, from, to } = part
  const toSteps = (value: number): number => {
    if (timing.unit === 'seconds') return Math.round(value * needStepRate(path, rate, timing))
    return Math.round(
      timing.fps === null
        ? value / timing.stride
        : (value * needStepRate(path, rate, timing)) / needRate(path, rate, timing),
    )
  }
  const start = from === undefined ? 0 : toSteps(from)
  const end = to === undefined ? steps : Math.min(steps, Math.max(start + 1, toSteps(to)))
  if (start < end) return { start, count: end - start }
  throw fileError({ path }, `frames from ${from ?? 'its beginning'} to ${to ?? 'its end'}`, `${steps} in all`)
}

/** The windows of a stretch; the stretch itself where there are none, or it is shorter than one. */
export function windowsOf(
  path: string,
  stretch: Stretch,
  rate: number | undefined,
  timing: TimingPreprocessing,
): Stretch[] {
  const { window, unit } = timing
  if (window === null) return [stretch]
  const scale = unit === 'frames' ? 1 : needStepRate(path, rate, timing)
  const size = Math.max(1, Math.round(window.size * scale))
  const windows: Stretch[] = []
  for (let number = 0; ; number++) {
    const start = Math.max(number, Math.round(number * window.step * scale)) //  each begins after the one before
    if (start + size > stretch.count) break
    windows.push({ start: stretch.start + start, count: size })
  }
  return windows.length > 0 ? windows : [stretch]
}

/** The steps of a stretch that a sample has: all, the first `maxFrames`, or the middle of each of `timeSteps` equal parts. */
export function pick({ start, count }: Stretch, { timeSteps, maxFrames }: TimingPreprocessing): Uint32Array {
  if (timeSteps === null) {
    return Uint32Array.from({ length: Math.min(count, maxFrames ?? count) }, (_, step) => start + step)
  }
  return Uint32Array.from({ length: timeSteps }, (_, step) => start + Math.floor(((step + 0.5) * count) / timeSteps))
}

/** Frames of a sample whose stretch has `count` steps. */
export function pickedCount(count: number, { timeSteps, maxFrames }: TimingPreprocessing): number {
  return timeSteps ?? Math.min(count, maxFrames ?? count)
}

function needStepRate(path: string, rate: number | undefined, timing: TimingPreprocessing): number {
  return (timing.fps ?? needRate(path, rate, timing)) / timing.stride
}

function needRate(path: string, rate: number | undefined, { unit }: TimingPreprocessing): number {
  if (rate !== undefined) return rate
  const why = unit === 'seconds' ? "`unit: 'seconds'`" : '`fps`'
  throw fileError(
    { path },
    `a known number of frames in a second for ${why}`,
    'none: the file does not say, set `rate`',
  )
}
