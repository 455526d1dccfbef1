/**
 * The model and the training that `zoetrope train` begins with: two recipes, one for frames and one for vectors, chosen
 * once on folds of the data sets of `docs/examples.md`. Every value of a recipe is one that a user could have given.
 */
import { isVector } from '../config/input'
import type { TrainValues } from './options/train-options'
import type { InputOptions } from '../config/input'
import type { CommonModelOptions } from '../config/model'
import type { ClipKind } from '../config/preprocessing'
import type { NormalizeOptions } from '../config/normalize'
import type { AugmentOptions } from '../data/augment'
import type { TargetKind } from '../files/catalog'
import type { HeadOptions } from '../config/head'

/** Values that a run cannot do without. */
export type Resolved = Required<
  Pick<
    TrainValues,
    | 'blocks'
    | 'hiddenSize'
    | 'numLayers'
    | 'cell'
    | 'bidirectional'
    | 'pooling'
    | 'dropout'
    | 'epochs'
    | 'batchSize'
    | 'learningRate'
    | 'weightDecay'
    | 'labelSmoothing'
    | 'clipNorm'
    | 'patience'
    | 'best'
    | 'balance'
    | 'augment'
    | 'seed'
    | 'device'
  >
>

/** What of the data a recipe depends on. */
export interface Facts {
  readonly input: InputOptions
  readonly targetKind: TargetKind
  /** Clips of each class in the training part. */
  readonly counts: readonly number[]
}

const SHARED = { numLayers: 1, cell: 'lstm', bidirectional: true, pooling: 'mean', epochs: 40, learningRate: 2e-3, weightDecay: 0.01, clipNorm: 1, patience: 12, seed: 0, device: 'auto', augment: true } as const // prettier-ignore
/** Strings of labels are written frame by frame, and are learned after a while in which blanks alone are answered. */
const STRINGS = { epochs: 80, patience: 25 } as const
/** A class that is so many times as frequent as another is drawn less often. */
const UNBALANCED = 3
/** Frames with a side this long have a block more. */
const LARGE_SIDE = 64
/** The width of a convolution over time. */
const KERNEL_OVER_TIME = 5

/** The defaults of a run. */
export function recipeOf({ input, targetKind, counts }: Facts): Resolved {
  const hasClass = targetKind === 'class'
  const isUnbalanced = hasClass && Math.max(...counts) >= UNBALANCED * Math.min(...counts)
  const common = {
    ...SHARED,
    labelSmoothing: hasClass ? 0.1 : 0,
    best: hasClass ? (isUnbalanced ? 'balancedAccuracy' : 'accuracy') : targetKind === 'labels' ? 'cer' : 'loss',
    balance: isUnbalanced,
    ...(targetKind === 'labels' && STRINGS),
  } as const
  if (isVector(input)) return { ...common, blocks: [64, 64], hiddenSize: 96, dropout: 0.5, batchSize: 32 }
  return { ...common, blocks: frameBlocks(input), hiddenSize: 96, dropout: 0.3, batchSize: 16 }
}

/** As many blocks as leave a pixel: each halves the frame. */
function frameBlocks({ height, width }: { readonly height: number; readonly width: number }): number[] {
  const channels = Math.max(height, width) >= LARGE_SIDE ? [16, 32, 64, 64] : [16, 32, 64]
  return channels.slice(0, Math.max(1, Math.floor(Math.log2(Math.min(height, width)))))
}

/** The options of the model, without its classes and its head. */
export function modelOptions(
  { input, targetKind }: Pick<Facts, 'input' | 'targetKind'>,
  normalize: NormalizeOptions,
  resolved: Resolved,
): Omit<CommonModelOptions<HeadOptions>, 'head'> {
  const { blocks, hiddenSize, numLayers, cell, bidirectional, pooling, dropout, seed, device } = resolved
  return {
    input,
    normalize,
    cnn: blocks.map((outChannels) =>
      isVector(input) ? { outChannels, kernelSize: KERNEL_OVER_TIME, norm: 'batch' } : { outChannels },
    ),
    lstm: { hiddenSize, numLayers, cell, bidirectional },
    ...(targetKind !== 'labels' && { pooling }), //      a head of strings reads every frame
    dropout,
    seed,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- create() checks it
    device: device as CommonModelOptions<HeadOptions>['device'],
  }
}

/**
 * Random changes of training clips. Vectors change in proportion to how far their values are spread; those of sound also
 * become louder or quieter, which adds one number to log-mel energies. Clips of strings keep all of their frames: a
 * slower clip would lose its end, and the labels there.
 */
export function augmentation(
  kind: ClipKind,
  { input, targetKind }: Pick<Facts, 'input' | 'targetKind'>,
  { std }: { readonly std: readonly number[] },
): AugmentOptions {
  const isString = targetKind === 'labels'
  const time = { dropFrames: 0.1, ...(!isString && { timeStretch: 0.1 }) }
  if (!isVector(input)) return { ...time, shift: Math.ceil(input.width / 16), contrast: 0.2, brightness: 0.1 }
  const spread = std.reduce((sum, value) => sum + value, 0) / std.length
  if (kind === 'sound') return { ...time, noise: 0.2 * spread, brightness: spread, shorten: !isString }
  return { ...time, noise: 0.05 * spread, shorten: !isString }
}
