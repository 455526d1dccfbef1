/** What a user writes about a model, and its check: defaults filled in, every key known, sizes that fit. */
import { checkBoolean, checkInteger, checkNumber, checkOptions, checkSeed, rangeError, typeError } from './checks'
import { checkCnn, checkGlobalPool } from './options/cnn'
import { LARGEST } from './options/sizes'
import type { CnnBlockConfig, CnnBlockOptions, GlobalPool } from './options/cnn'

/** Where a model computes. `'auto'` takes CUDA's first device when there is one, else the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

/** The LSTM over the frames' features. */
export interface LstmOptions {
  /** Size of the hidden state, per direction. Default 128. */
  readonly hiddenSize?: number | undefined
  /** Layers on top of each other. Default 1. */
  readonly numLayers?: number | undefined
  /** Share of values dropped between layers while training, in [0, 1). Default 0. With one layer it does nothing. */
  readonly dropout?: number | undefined
  /** Whether a second LSTM reads the frames backwards. Default false. */
  readonly bidirectional?: boolean | undefined
}

/** The size of one frame; the number of frames is free. */
export interface InputOptions {
  readonly channels: number
  /** In pixels. */
  readonly height: number
  /** In pixels. */
  readonly width: number
}

interface CommonModelOptions {
  readonly input: InputOptions
  /** The CNN's blocks, first to last; none hands the frame to the LSTM as it is. Default `[{ outChannels: 32 }, { outChannels: 64 }]`. */
  readonly cnn?: readonly CnnBlockOptions[] | undefined
  /**
   * Whether the last block's frames are averaged over their pixels, which makes the LSTM's input as small as the number
   * of channels, whatever the size of the frames. Default `'none'`: one feature for each channel and pixel.
   */
  readonly globalPool?: GlobalPool | undefined
  readonly lstm?: LstmOptions | undefined
  /** Default `'auto'`. */
  readonly device?: Device | undefined
  /**
   * Seed of the initial weights and of dropout: equal seeds give equal weights, those of `torch.manual_seed(seed)`.
   * Without it the process's generator is used, which `manualSeed()` sets.
   */
  readonly seed?: number | bigint | undefined
}

/** Options of {@link CnnLstm.create}: exactly one of `classes` and `numClasses`. */
export type ModelOptions<Label extends string = string> = CommonModelOptions &
  (
    | { /** Name of each class, in order. */ readonly classes: readonly Label[]; readonly numClasses?: undefined }
    | {
        /** Number of classes; their labels are '0', '1', … */ readonly numClasses: number
        readonly classes?: undefined
      }
  )

/** A model's whole configuration, every default filled in. */
export interface ModelConfig {
  readonly input: InputOptions
  readonly numClasses: number
  /** `null` when the model was created by `numClasses`. */
  readonly classes: readonly string[] | null
  readonly cnn: readonly CnnBlockConfig[]
  readonly globalPool: GlobalPool
  readonly lstm: LstmConfig
}

/** {@link LstmOptions} with every default filled in. */
export interface LstmConfig {
  readonly hiddenSize: number
  readonly numLayers: number
  readonly dropout: number
  readonly bidirectional: boolean
}

const MODEL_KEYS = ['input', 'classes', 'numClasses', 'cnn', 'globalPool', 'lstm', 'device', 'seed']
const DEFAULT_CNN: readonly CnnBlockOptions[] = [{ outChannels: 32 }, { outChannels: 64 }]
const DEVICE = /^(auto|cpu|cuda(:\d{1,4})?)$/

/** Checked options as the native side takes them. */
export interface CheckedModelOptions {
  readonly config: ModelConfig
  readonly device: string
  readonly seed: bigint | null
}

export function checkModelOptions(options: ModelOptions): CheckedModelOptions {
  checkOptions(options, 'options', MODEL_KEYS)
  const { cnn: blocks = DEFAULT_CNN, globalPool, lstm = {}, device, seed } = options
  const input = checkInput(options.input)
  const cnn = checkCnn(blocks, input)
  return {
    config: { input, ...checkClasses(options), cnn, globalPool: checkGlobalPool(globalPool), lstm: checkLstm(lstm) },
    device: checkDevice(device),
    seed: seed === undefined ? null : checkSeed(seed, 'seed'),
  }
}

export function checkDevice(device: unknown = 'auto'): string {
  const expected = "'auto', 'cpu', 'cuda' or 'cuda:<index>'"
  if (typeof device !== 'string') throw typeError(expected, 'device', device)
  if (!DEVICE.test(device)) throw rangeError(expected, 'device', device)
  return device
}

function checkInput(input: InputOptions): InputOptions {
  checkOptions(input, 'input', ['channels', 'height', 'width'])
  const { channels, height, width } = input
  return {
    channels: checkInteger(channels, 'input.channels', 1, LARGEST),
    height: checkInteger(height, 'input.height', 1, LARGEST),
    width: checkInteger(width, 'input.width', 1, LARGEST),
  }
}

function checkClasses({ classes, numClasses }: ModelOptions): Pick<ModelConfig, 'classes' | 'numClasses'> {
  if ((classes === undefined) === (numClasses === undefined)) {
    const came = classes === undefined ? 'neither' : 'both'
    throw new TypeError(`Expected exactly one of \`classes\` and \`numClasses\`, received ${came}`)
  }
  if (numClasses !== undefined) return { classes: null, numClasses: checkInteger(numClasses, 'numClasses', 2, LARGEST) }
  if (!Array.isArray(classes)) throw typeError('an array of names', 'classes', classes)
  const names: string[] = []
  for (const [index, name] of classes.entries()) {
    if (typeof name !== 'string') throw typeError('a string', `classes[${index}]`, name)
    if (name === '') throw rangeError('a name that is not empty', `classes[${index}]`, name)
    if (names.includes(name)) throw rangeError('a name that occurs once', `classes[${index}]`, name)
    names.push(name)
  }
  if (names.length < 2) throw rangeError('at least 2 names', 'classes', names)
  return { classes: names, numClasses: names.length }
}

function checkLstm(options: LstmOptions): LstmConfig {
  checkOptions(options, 'lstm', ['hiddenSize', 'numLayers', 'dropout', 'bidirectional'])
  const { hiddenSize = 128, numLayers = 1, dropout = 0, bidirectional = false } = options
  const lstm = {
    hiddenSize: checkInteger(hiddenSize, 'lstm.hiddenSize', 1, LARGEST),
    numLayers: checkInteger(numLayers, 'lstm.numLayers', 1, LARGEST),
    dropout: checkNumber(dropout, 'lstm.dropout', 0, 1),
    bidirectional: checkBoolean(bidirectional, 'lstm.bidirectional'),
  }
  if (lstm.dropout > 0 && lstm.numLayers === 1) warnAboutDropout()
  return lstm
}

let hasWarnedAboutDropout = false

function warnAboutDropout(): void {
  if (hasWarnedAboutDropout) return
  hasWarnedAboutDropout = true
  process.emitWarning('lstm.dropout acts between layers: with numLayers 1 it does nothing', {
    type: 'ZoetropeWarning',
    code: 'ZOETROPE_DROPOUT_UNUSED',
  })
}
