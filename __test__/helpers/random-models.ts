/** Random models and clips: every valid combination of options may come, and a number gives the same one again. */
import { CnnLstm } from 'zoetrope'
import { seeded } from './random'
import type { AnyCnnLstm, CnnBlockOptions, HeadOptions, ModelOptions, NdArray } from 'zoetrope'

export type Dice = (limit: number) => number

const from = (dice: Dice, least: number, most: number): number => least + dice(most - least + 1)
const pick = <T>(dice: Dice, choices: readonly T[]): T => choices[dice(choices.length)]!
const chance = (dice: Dice, percent: number): boolean => dice(100) < percent

/** The model of that number, with weights that are neither zero nor symmetric: both would hide an order of gates. */
export async function randomModel(
  number: number,
  fixed: Partial<ModelOptions<string, HeadOptions>> = {},
): Promise<AnyCnnLstm> {
  const dice = seeded(number)
  for (let attempt = 0; ; attempt++) {
    const options = { ...randomOptions(dice), ...fixed, device: 'cpu', seed: number } as ModelOptions<
      string,
      HeadOptions
    >
    try {
      const model = await CnnLstm.create<string, HeadOptions>(options) // oxlint-disable-line no-await-in-loop -- drawn until valid
      await randomize(model, dice) // oxlint-disable-line no-await-in-loop
      return model
    } catch (error) {
      if (!(error instanceof RangeError) || attempt > 1000) throw error
    }
  }
}

/** The random model of that number, with a forecast head of every kind in turn. */
export async function randomForecaster(number: number): Promise<AnyCnnLstm> {
  const dice = seeded(number + 5000)
  const isDirect = number % 2 === 0
  const head = {
    kind: 'forecast',
    horizon: pick(dice, [1, 2, 3, 7]),
    mode: isDirect ? ('direct' as const) : ('recursive' as const),
    loss: pick(dice, ['mse', 'smoothL1', 'bce'] as const),
  } as const
  const features = number % 8 === 0 ? { input: { features: 5 }, head: { ...head, features: [3, 0, 4] } } : { head }
  return randomModel(number, {
    numClasses: undefined,
    ...(isDirect ? { pooling: pick(dice, ['last', 'mean', 'max', 'attention'] as const) } : { pooling: undefined }),
    ...(!isDirect && { lstm: { cell: pick(dice, ['lstm', 'gru'] as const), hiddenSize: 5, numLayers: 1 + dice(3) } }),
    ...features,
  })
}

/** The random model of that number, with a decoder. */
export async function randomWriter(number: number): Promise<AnyCnnLstm> {
  const dice = seeded(number + 6000)
  return randomModel(number, {
    numClasses: 2 + dice(4),
    pooling: undefined,
    head: {
      kind: 'sequence',
      maxLength: 1 + dice(9),
      attention: number % 3 !== 0,
      embeddingSize: 1 + dice(6),
      hiddenSize: 1 + dice(7),
    },
  })
}

function randomOptions(dice: Dice): object {
  const isVector = chance(dice, 40)
  const perFrame = chance(dice, 35)
  const kind = pick(dice, ['classification', 'multiLabel', 'regression'] as const)
  const input = isVector
    ? { features: from(dice, 1, 9) }
    : { channels: from(dice, 1, 4), height: from(dice, 3, 14), width: from(dice, 3, 14) }
  const count = isVector ? input.features! : input.channels!
  const numbers = (least: number): number[] => Array.from({ length: count }, () => least + dice(100) / 80)
  return {
    input,
    cnn: Array.from({ length: dice(4) }, () => (isVector ? vectorBlock(dice) : frameBlock(dice))),
    ...(chance(dice, 40) && { normalize: { mean: numbers(-0.5), std: numbers(0.1) } }),
    ...(!isVector && chance(dice, 30) && { globalPool: 'average' }),
    ...(chance(dice, 40) && { projection: from(dice, 1, 7) }),
    lstm: {
      cell: pick(dice, ['lstm', 'gru']),
      hiddenSize: from(dice, 1, 9),
      numLayers: from(dice, 1, 3),
      bidirectional: chance(dice, 50),
    },
    ...(!perFrame && { pooling: pick(dice, ['last', 'mean', 'max', 'attention']) }),
    head: kind === 'regression' ? { kind, per: perFrame ? 'frame' : 'clip', outputs: from(dice, 1, 3) } : { kind, per: perFrame ? 'frame' : 'clip' }, // prettier-ignore
    ...(kind !== 'regression' && { numClasses: from(dice, 2, 5) }),
  }
}

function frameBlock(dice: Dice): CnnBlockOptions {
  const pool = pick(dice, [{ maxPool: 2 }, { maxPool: 3 }, { maxPool: null }, { avgPool: 2 }, { avgPool: 3 }])
  return {
    ...anyBlock(dice),
    ...pool,
    kernelSize: pick(dice, [1, 2, 3, 5]),
    stride: from(dice, 1, 2),
    padding: dice(3),
    dilation: from(dice, 1, 2),
  }
}

function vectorBlock(dice: Dice): CnnBlockOptions {
  return { ...anyBlock(dice), kernelSize: pick(dice, [1, 3, 5]), dilation: from(dice, 1, 2), padding: undefined }
}

function anyBlock(dice: Dice): CnnBlockOptions {
  return {
    outChannels: from(dice, 1, 8),
    groups: pick(dice, [1, 1, 2, 3]),
    norm: pick(dice, [null, 'batch', 'layer']),
    residual: chance(dice, 30),
    activation: pick(dice, ['relu', 'gelu', 'silu', 'relu6', 'hardswish', 'none']),
  }
}

/** Uniform weights about, but not symmetric to, zero; variances above it. */
async function randomize(model: AnyCnnLstm, dice: Dice): Promise<void> {
  const state = await model.stateDict()
  for (const [name, { data, shape }] of state) {
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    const scale = shape.length > 1 ? 2 / Math.sqrt(inputs) : 1
    const draw = (): number => (dice(2 ** 20) / 2 ** 20 - 0.42) * scale
    for (let index = 0; index < data.length; index++) {
      data[index] = name.endsWith('running_var') ? 0.2 + Math.abs(draw()) * 3 : draw()
    }
  }
  await model.loadStateDict(state)
}

export interface RandomClips {
  readonly clips: NdArray
  /** Of each clip from 1 to time. */
  readonly lengths: Int32Array
}

/** Clips for a model, `[batch, time, …]`: bytes, or numbers whose padding is `NaN`. */
export function randomClips(
  { config: { input } }: AnyCnnLstm,
  dice: Dice,
  { batch, time, bytes }: { batch: number; time: number; bytes: boolean },
): RandomClips {
  const sizes = 'features' in input ? [input.features] : [input.channels, input.height, input.width]
  const step = sizes.reduce((product, size) => product * size, 1)
  const length = batch * time * step
  const shape = [batch, time, ...sizes]
  const lengths = Int32Array.from({ length: batch }, () => from(dice, 1, time))
  if (bytes) return { clips: { data: Uint8Array.from({ length }, () => dice(256)), shape }, lengths }
  const data = Float32Array.from({ length }, () => dice(2 ** 16) / 2 ** 15 - 0.8)
  for (const [clip, valid] of lengths.entries()) data.fill(NaN, (clip * time + valid) * step, (clip + 1) * time * step)
  return { clips: { data, shape }, lengths }
}
