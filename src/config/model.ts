/** The options of a model, and their check. It knows every key, fills in defaults, and compares sizes. */
import { checkInteger, checkNumber, checkOptions, checkPath, checkSeed, rangeError, typeError } from '../common/checks'
import { checkBackbone } from './backbone'
import { checkCnn, checkGlobalPool } from './cnn'
import { checkClasses } from './classes'
import { checkHead, readHead } from './head'
import { checkCausal } from './head/causal'
import { checkPooling } from './head/pooling'
import { checkInput, isVector } from './input'
import { checkLstm } from './lstm'
import { checkNormalize } from './normalize'
import { checkPreprocessing } from './preprocessing'
import { LARGEST } from './sizes'
import { checkVectorCnn } from './vector-cnn'
import type { Backbone } from './backbone'
import type { CnnBlockConfig, CnnBlockOptions, GlobalPool } from './cnn'
import type { ClassConfig, ClassOptions } from './classes'
import type { HeadConfig, HeadOptions } from './head'
import type { HeadKind } from './head/kind'
import type { Pooling } from './head/pooling'
import type { InputOptions } from './input'
import type { LstmConfig, LstmOptions } from './lstm'
import type { NormalizeOptions } from './normalize'
import type { Preprocessing } from './preprocessing'

/** Where a model computes. `'auto'` is CUDA's first device when there is one, else the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

/** Options of {@link CnnLstm.create} that every head has. */
export interface CommonModelOptions<Head extends HeadOptions> {
  /** One step of a clip: a frame of `{ channels, height, width }`, or a vector of `{ features }`. */
  readonly input: InputOptions
  /**
   * Mean and deviation of each channel or feature. Inputs are normalised with them first, in training and in every
   * answer. They are stored with the model. Default `null`: inputs stay as they are, except that bytes are scaled to
   * 0…1. `'imagenet'` stands for those of ImageNet's photographs, for which torchvision's weights are made.
   */
  readonly normalize?: NormalizeOptions | 'imagenet' | null | undefined
  /**
   * The CNN's blocks, first to last, or the name of a {@link Backbone}. Blocks convolve over the pixels of a frame, or
   * over the time of vectors. With `[]` the LSTM gets each frame as it is. Default
   * `[{ outChannels: 32 }, { outChannels: 64 }]` for frames, `[]` for vectors.
   */
  readonly cnn?: readonly CnnBlockOptions[] | Backbone | undefined
  /**
   * A safetensors file with the CNN's weights, such as torchvision's of a {@link Backbone}. Its names are the CNN's, with
   * or without `cnn.` in front; tensors of other names, such as a classifier's, are left out. Default: initial weights
   * are drawn.
   */
  readonly weights?: string | URL | undefined
  /**
   * Whether the CNN's frames are averaged over their pixels. `'average'` makes the LSTM's input as small as the
   * number of channels, whatever the size of the frames. Default `'none'`: one feature for each channel and pixel; with a
   * backbone `'average'`.
   */
  readonly globalPool?: GlobalPool | undefined
  /**
   * Number of features that a linear layer makes of each frame's features before the LSTM. Default `null`: no such
   * layer.
   */
  readonly projection?: number | null | undefined
  /** The LSTM or GRU over the frames' features. Default: every default of {@link LstmOptions}. */
  readonly lstm?: LstmOptions | undefined
  /** How the steps of a clip become one vector. Default `'last'`. A head that reads every frame has no pooling. */
  readonly pooling?: Pooling | undefined
  /** Share of the head's inputs that training drops, in [0, 1). Default 0. */
  readonly dropout?: number | undefined
  /** What the model answers. Default `'classification'`: one class for each clip. */
  readonly head?: Head | undefined
  /**
   * How inputs are made of files: `preprocessing` of a {@link FolderDataset}. It is stored with the model, for
   * `predictFile`. Default `null`: the model takes arrays alone.
   */
  readonly preprocessing?: Preprocessing | null | undefined
  /** Where the model computes. Default `'auto'`. */
  readonly device?: Device | undefined
  /**
   * Seed of the initial weights and of dropout. Equal seeds give equal weights: those of `torch.manual_seed(seed)`.
   * Default: the model uses the process's generator, which `manualSeed()` sets.
   */
  readonly seed?: number | bigint | undefined
}

/**
 * Options of {@link CnnLstm.create}. Exactly one of `classes` and `numClasses` must be there. A regression and a forecast
 * have neither.
 */
export type ModelOptions<
  Label extends string = string,
  Head extends HeadOptions = 'classification',
> = CommonModelOptions<Head> &
  (
    | {
        /** Name of each class or label, in order. */ readonly classes: readonly Label[]
        readonly numClasses?: undefined
      }
    | {
        /** Number of classes or labels; their names are '0', '1', … */ readonly numClasses: number
        readonly classes?: undefined
      }
    | {
        readonly classes?: undefined
        readonly numClasses?: undefined
        readonly head: 'regression' | { readonly kind: 'regression' | 'forecast' }
      }
  )

/** A model's whole configuration, with every default filled in. */
export interface ModelConfig extends ClassConfig {
  readonly input: InputOptions
  readonly normalize: NormalizeOptions | null
  readonly cnn: readonly CnnBlockConfig[] | Backbone
  readonly globalPool: GlobalPool
  readonly projection: number | null
  readonly lstm: LstmConfig
  readonly pooling: Pooling
  readonly dropout: number
  readonly head: HeadConfig
  readonly preprocessing: Preprocessing | null
}

const MODEL_KEYS = [
  'input',
  'classes',
  'numClasses',
  'normalize',
  'cnn',
  'weights',
  'globalPool',
  'projection',
  'lstm',
  'pooling',
  'dropout',
  'head',
  'preprocessing',
  'device',
  'seed',
]
const DEFAULT_CNN: readonly CnnBlockOptions[] = [{ outChannels: 32 }, { outChannels: 64 }]
const DEVICE = /^(auto|cpu|cuda(:\d{1,4})?)$/

/** Checked options as the native side takes them. */
export interface CheckedModelOptions {
  readonly config: ModelConfig
  readonly device: string
  readonly seed: bigint | null
  /** The path of a file with the CNN's weights. */
  readonly weights: string | null
}

export function checkModelOptions(options: CommonModelOptions<HeadOptions> & ClassOptions): CheckedModelOptions {
  options = checkOptions(options, 'options', MODEL_KEYS)
  const { globalPool, projection = null, lstm = {}, dropout = 0, device, seed } = options
  const input = checkInput(options.input)
  const given = readHead(options.head ?? 'classification')
  const classes = checkClasses(options, given.kind)
  const recurrent = checkLstm(lstm)
  const head = checkHead(given, { input, classes, lstm: recurrent })
  const cnn = checkNetwork(options.cnn, input, given.kind)
  checkCausal(head.forecast, { input, cnn, lstm: recurrent })
  return {
    config: {
      input,
      normalize: checkNormalize(options.normalize ?? null, input),
      ...classes,
      cnn,
      globalPool: checkGlobalPool(globalPool, input, typeof cnn === 'string' ? 'average' : 'none'),
      projection: projection === null ? null : checkInteger(projection, 'projection', 1, LARGEST),
      lstm: recurrent,
      pooling: checkPooling(options.pooling, head),
      dropout: checkNumber(dropout, 'dropout', 0, 1),
      head,
      preprocessing: checkNoneOrPreprocessing(options.preprocessing),
    },
    device: checkDevice(device),
    seed: seed === undefined ? null : checkSeed(seed, 'seed'),
    weights: options.weights === undefined ? null : checkPath(options.weights, 'weights'),
  }
}

/** A backbone's name, or blocks. */
function checkNetwork(
  cnn: readonly CnnBlockOptions[] | string | undefined,
  input: InputOptions,
  head: HeadKind,
): readonly CnnBlockConfig[] | Backbone {
  if (typeof cnn === 'string') return checkBackbone(cnn, input, head)
  return isVector(input) ? checkVectorCnn(cnn ?? [], input) : checkCnn(cnn ?? DEFAULT_CNN, input)
}

export function checkDevice(device: unknown = 'auto'): string {
  const expected = "'auto', 'cpu', 'cuda' or 'cuda:<index>'"
  if (typeof device !== 'string') throw typeError(expected, 'device', device)
  if (!DEVICE.test(device)) throw rangeError(expected, 'device', device)
  return device
}

function checkNoneOrPreprocessing(preprocessing: Preprocessing | null = null): Preprocessing | null {
  return preprocessing === null ? null : checkPreprocessing(preprocessing)
}
