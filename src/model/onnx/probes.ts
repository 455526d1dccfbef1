/** Random clips on which an exported file is compared with its model. */
import { generator } from '../../common/permutation'
import { isVector } from '../../config/input'
import type { NdArray } from '../../common/nd-array'
import type { ModelConfig } from '../../config/model'
import type { CheckedOnnxOptions, Probe } from './options'

/** Batch and time of each: one clip and several, one step and several. The last ones are shorter where frames are large. */
const SIZES = [
  [1, 1],
  [3, 7],
  [2, 4],
  [5, 2],
] as const
/** The most values of one probe, about; every probe keeps at least two steps where it has them. */
const MOST_VALUES = 2 ** 21
/** The probe in which a step is missing. */
const MISSING_IN = 2
const SEED = 20
const TWO_TO_32 = 2 ** 32
const BYTES = 256
/** The width of a uniform distribution whose deviation is 1. */
const UNIT_WIDTH = Math.sqrt(12)

/** The same clips for the same model. Padding is `NaN`, or of a file that takes bytes any byte. */
export function randomProbes(config: ModelConfig, options: CheckedOnnxOptions): Probe[] {
  return SIZES.map(([batch, wanted], index) => {
    const next = generator(SEED, index)
    const steps = Math.floor(MOST_VALUES / (batch * stepSize(config)))
    const time = Math.min(wanted, Math.max(2, steps))
    const clips = randomClips(config, options, [batch, time], () => next() / TWO_TO_32)
    if (index === MISSING_IN && !isOfProbabilities(config)) takeAway(clips)
    if (!options.lengths) return { ...clips, lengths: null }
    const lengths = Int32Array.from({ length: batch }, (_, clip) => (clip === 0 ? time : 1 + (next() % time)))
    hidePadding(clips, lengths)
    return { ...clips, lengths }
  })
}

/** Whether the model takes numbers from 0 to 1 alone, and so no missing ones. */
function isOfProbabilities({ head }: ModelConfig): boolean {
  return head.kind === 'forecast' && head.loss === 'bce'
}

function stepSize({ input }: ModelConfig): number {
  return isVector(input) ? input.features : input.channels * input.height * input.width
}

/** Values as the model may have been trained on: of its own mean and deviation where it has some, pixels, or about 0. */
function randomClips(
  config: ModelConfig,
  { inputType }: CheckedOnnxOptions,
  [batch, time]: readonly [number, number],
  uniform: () => number,
): NdArray {
  const { input, normalize } = config
  const shape = isVector(input)
    ? [batch, time, input.features]
    : [batch, time, input.channels, input.height, input.width]
  const length = batch * time * stepSize(config)
  if (inputType === 'uint8') return { data: Uint8Array.from({ length }, () => uniform() * BYTES), shape }
  const channels = isVector(input) ? input.features : input.channels
  const pixels = isVector(input) ? 1 : input.height * input.width
  const value = (index: number): number => {
    if (isOfProbabilities(config)) return uniform()
    const channel = Math.floor(index / pixels) % channels
    if (normalize === null) return isVector(input) ? (uniform() - 0.5) * UNIT_WIDTH : uniform()
    return (normalize.mean[channel] ?? 0) + (uniform() - 0.5) * UNIT_WIDTH * (normalize.std[channel] ?? 1)
  }
  return { data: Float32Array.from({ length }, (_, index) => value(index)), shape }
}

/** Makes the second step of the first clip `NaN`: every answer that it reaches is none. */
function takeAway({ data, shape }: NdArray): void {
  if (!(data instanceof Float32Array)) return
  const [batch = 1, time = 1] = shape
  const step = data.length / (batch * time)
  data.fill(Number.NaN, step, 2 * step)
}

function hidePadding({ data, shape }: NdArray, lengths: Int32Array): void {
  if (!(data instanceof Float32Array)) return
  const [, time = 1, ...sizes] = shape
  const step = sizes.reduce((product, size) => product * size, 1)
  for (const [clip, length] of lengths.entries()) {
    data.fill(Number.NaN, (clip * time + length) * step, (clip + 1) * time * step)
  }
}
