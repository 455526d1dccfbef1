/** The options of `exportOnnx()`, and their check. */
import { checkSignal } from '../../common/abort'
import { checkBoolean, checkOneOf, checkOptions, rangeError, typeError } from '../../common/checks'
import { checkNdArray, formatShape } from '../../common/nd-array'
import { isVector } from '../../config/input'
import { checkLengths } from '../../data/shapes'
import type { NdArray } from '../../common/nd-array'
import type { ModelConfig } from '../../config/model'
import type { IntegerArray } from '../../data/targets'

/** What the input `clips` of an exported file is made of. */
export type OnnxInputType = 'float32' | 'uint8'

/** Options of {@link CnnLstm.exportOnnx}. */
export interface OnnxOptions {
  /**
   * Whether a clip can come in parts: the state of the recurrent part and of the pooling is an input and an output. For
   * models of one direction without convolutions over time. Default false.
   */
  readonly streaming?: boolean | undefined
  /**
   * `'float32'`: clips as the model takes `Float32Array`. `'uint8'`: pixels from 0 to 255, which the graph scales as the
   * model does. Either way the graph normalises. Default `'float32'`.
   */
  readonly inputType?: OnnxInputType | undefined
  /**
   * Whether the file has an input `lengths`. Without it every step of every clip is valid. Default true; false with
   * `streaming`.
   */
  readonly lengths?: boolean | undefined
  /**
   * Whether the file has an output `probabilities` beside `logits`: softmax of classes, sigmoid of labels. A forecast has
   * none: with `loss: 'bce'` its output `forecast` is probabilities. Default false.
   */
  readonly softmax?: boolean | undefined
  /**
   * Whether the file is compared with the model before it is at its path, where `onnxruntime-node` is installed. Default
   * true.
   */
  readonly verify?: boolean | undefined
  /**
   * Clips of your own that are compared beside random ones, `[batch, time, channels, height, width]` or
   * `[batch, time, features]`, of the type that `inputType` says.
   */
  readonly probe?: NdArray | undefined
  /** The number of valid frames of each clip of `probe`. Default all frames. */
  readonly probeLengths?: IntegerArray | undefined
  /** Ends the call; nothing is left at the path. */
  readonly signal?: AbortSignal | undefined
}

/** Clips on which a file is compared with its model. */
export interface Probe extends NdArray {
  /** `[batch]`; `null` for all frames. */
  readonly lengths: Int32Array | null
}

/** Checked options. */
export interface CheckedOnnxOptions {
  readonly streaming: boolean
  readonly inputType: OnnxInputType
  readonly lengths: boolean
  readonly softmax: boolean
  readonly verify: boolean
  readonly probe: Probe | undefined
  readonly signal: AbortSignal | undefined
}

const KEYS: readonly (keyof OnnxOptions)[] = [
  'streaming',
  'inputType',
  'lengths',
  'softmax',
  'verify',
  'probe',
  'probeLengths',
  'signal',
]

export function checkOnnxOptions(options: OnnxOptions, config: ModelConfig): CheckedOnnxOptions {
  options = checkOptions(options, 'options', KEYS)
  const { streaming = false, inputType = 'float32', softmax = false, verify = true, signal } = options
  const checked = {
    streaming: checkBoolean(streaming, 'streaming'),
    inputType: checkOneOf<OnnxInputType>(inputType, 'inputType', ['float32', 'uint8']),
    lengths: checkBoolean(options.lengths ?? !streaming, 'lengths'),
    softmax: checkBoolean(softmax, 'softmax'),
    verify: checkBoolean(verify, 'verify'),
    signal: checkSignal(signal, 'signal'),
  }
  const { kind } = config.head
  if (checked.softmax && (kind === 'regression' || kind === 'forecast')) {
    throw rangeError(`false for a ${kind}, which has no classes,`, 'softmax', softmax)
  }
  if (checked.streaming) checkStreaming(config, checked.lengths)
  return { ...checked, probe: checkProbe(options, config, checked) }
}

/** A stream knows nothing of its future. */
function checkStreaming({ input, cnn, lstm, head }: ModelConfig, lengths: boolean): void {
  if (head.kind === 'forecast' || head.kind === 'sequence') {
    throw rangeError(`false for a ${head.kind}, which begins when the clip has ended,`, 'streaming', true)
  }
  if (lengths) throw rangeError('false with `streaming`, whose parts have no padding,', 'lengths', lengths)
  if (lstm.bidirectional) {
    throw new RangeError('Expected a model of one direction for `streaming`, received a bidirectional one')
  }
  const blocks = typeof cnn === 'string' ? [] : cnn
  const wide = isVector(input) ? blocks.findIndex(({ kernelSize }) => kernelSize > 1) : -1
  if (wide < 0) return
  throw new RangeError(
    `Expected a model without convolutions over time for \`streaming\`, received \`cnn[${wide}].kernelSize\` ` +
      `${blocks[wide]?.kernelSize}, which needs steps of the future`,
  )
}

function checkProbe(
  { probe, probeLengths }: OnnxOptions,
  { input }: ModelConfig,
  { inputType, lengths: hasLengths }: Pick<CheckedOnnxOptions, 'inputType' | 'lengths'>,
): Probe | undefined {
  if (probe === undefined) {
    if (probeLengths !== undefined) throw typeError('no lengths without `probe`', 'probeLengths', probeLengths)
    return undefined
  }
  const { data, shape } = checkNdArray(probe, 'probe')
  const wanted = inputType === 'uint8' ? Uint8Array : Float32Array
  if (!(data instanceof wanted)) throw typeError(`a ${wanted.name}, as of \`inputType\`,`, 'probe.data', data)
  const sizes = isVector(input) ? [input.features] : [input.channels, input.height, input.width]
  const fits = shape.length === sizes.length + 2 && sizes.every((size, axis) => shape[axis + 2] === size)
  if (!fits) {
    throw new RangeError(
      `Expected clips of shape [batch, time, ${sizes.join(', ')}] for \`probe\`, received ${formatShape(shape)}`,
    )
  }
  if (probeLengths !== undefined && !hasLengths) {
    throw rangeError('nothing for a file without `lengths`', 'probeLengths', probeLengths)
  }
  // A copy: the caller may change its array while the file is made.
  return { data: data.slice(), shape, lengths: checkLengths(probeLengths, shape) }
}
