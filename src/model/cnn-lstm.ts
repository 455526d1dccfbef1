import { AbortScope, checkSignal } from '../common/abort'
import { readFileSamples } from '../files/read-file'
import { storedPreprocessing } from './stored-preprocessing'
import { checkDevice, checkModelOptions } from '../config/model'
import { checkLengths } from '../data/shapes'
import { checkNdArray } from '../common/nd-array'
import { warnOfRejection } from '../common/callbacks'
import { checkPath, checkCallback, checkOptions, checkString, typeError } from '../common/checks'
import { checkForecastOptions, runForecast } from './forecast'
import { ModelHandle } from './handle'
import { checkGenerateOptions, checkTokenOptions } from './generation'
import { checkDecode, findStrings, toLabelString } from './label-strings'
import { loadCnn, loadStateDict } from './load-state-dict'
import { toStateDict } from './state-dict'
import { toPredictions } from './predictions'
import { writeAll, writeTokens } from './writer'
import { ClipStream, checkPushes, pushFrames } from './stream'
import { formatSummary } from './summary'
import { exportOnnx } from './onnx/export'
import { checkOnnxOptions } from './onnx/options'
import { native } from '../native'
import { unwrap } from '../errors'
import type { Device, ModelConfig, ModelOptions } from '../config/model'
import type { NativeBatch, NativeModel } from '../native'
import type { FloatArray, NdArray } from '../common/nd-array'
import type { ClipClassification, ClipForecast, HeadOf, HeadOptions, HeadType, TokenSequence } from '../config/head'
import type { ClipOptions } from './clip-options'
import type { ForecastOptions } from './forecast'
import type { CheckedGeneration, GenerateOptions, Generated, TokenOptions } from './generation'
import type { Decode, LabelStringPrediction } from './label-strings'
import type { PredictionOf } from './predictions'
import type { StreamAnswerOf, StreamModel } from './stream'
import type { LoadOptions, LoadResult } from './load-options'
import type { OnnxExport } from './onnx/export'
import type { OnnxOptions } from './onnx/options'

/** Reads the private half of a model; set by the class itself, so that nobody else can. */
let readHandle: (model: AnyCnnLstm) => ModelHandle | undefined

/** A model with any head. */
export type AnyCnnLstm = CnnLstm<string, HeadType>

/** Options of {@link CnnLstm.predict} for label strings. */
export interface LabelStringOptions<Label extends string = string> extends ClipOptions {
  /** How the likeliest string is found. Default `'greedy'`: what the likeliest output of each frame reads as. */
  readonly decode?: Decode<Label> | undefined
  /** Stops the work; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link CnnLstm.predict}, by the model's head. */
export type PredictOptions<Label extends string, Head extends HeadType> = Head['kind'] extends 'ctc'
  ? LabelStringOptions<Label>
  : ClipOptions

/**
 * A CNN over each frame, an LSTM over the frames, pooling over time, and a linear head.
 *
 * Create one with {@link CnnLstm.create} or {@link CnnLstm.load}. A model lives on a thread of its own and in native
 * memory: `dispose()` it, or declare it with `await using`. Any number of calls may be under way at once; they run in
 * the order in which they were made.
 *
 * @typeParam Label - The names of the classes.
 * @typeParam Head - The kind of answers.
 */
export class CnnLstm<Label extends string = string, Head extends HeadType = ClipClassification> {
  readonly #handle: ModelHandle
  /** The whole configuration, defaults filled in. */
  readonly config: ModelConfig
  /** The name of each class or label: as given, or `'0'`, `'1'`, … for a model created by `numClasses`. */
  readonly classes: readonly Label[]
  /** The number of classes or labels; 0 for a regression or a forecast. */
  readonly numClasses: number
  /**
   * Numbers in an answer: classes, labels, or a regression's outputs; of label strings the classes and the blank, of a
   * token sequence the classes and the end, of a forecast the numbers in one step.
   */
  readonly numOutputs: number
  /** Where the model computes: `'cpu'` or `'cuda:0'`. */
  readonly device: string

  static {
    readHandle = (model) => (#handle in model ? model.#handle : undefined)
  }

  private constructor(model: NativeModel) {
    this.#handle = new ModelHandle(model)
    // oxlint-disable typescript/no-unsafe-type-assertion -- the checked options of create(), or a checked file's
    this.config = deepFreeze(JSON.parse(model.config) as ModelConfig)
    this.numClasses = this.config.numClasses
    this.numOutputs = model.numOutputs
    this.classes = labels(this.config) as readonly Label[]
    // oxlint-enable typescript/no-unsafe-type-assertion
    this.device = model.device
    Object.freeze(this)
  }

  /**
   * Creates a model with PyTorch's initial weights, or with a CNN from a file of `weights`.
   *
   * Literal names in `classes` become the type of `predict()`'s label, and `head` decides what it answers.
   *
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range, or blocks that leave no pixel of the frame.
   * @throws {ZoetropeError} `ERR_DEVICE_UNAVAILABLE`, `ERR_OUT_OF_MEMORY`, `ERR_NATIVE_LOAD`; `ERR_CHECKPOINT` where the
   * file of `weights` is missing or damaged, or not one of this CNN.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({
   *   input: { channels: 3, height: 32, width: 32 },
   *   classes: ['left', 'right'],
   *   cnn: [{ outChannels: 16 }, { outChannels: 32, norm: 'batch' }],
   *   lstm: { hiddenSize: 64, bidirectional: true },
   *   seed: 0,
   * })
   * model.summary()
   * ```
   */
  static async create<Label extends string = string, const Options extends HeadOptions = 'classification'>(
    options: ModelOptions<Label, Options>,
  ): Promise<CnnLstm<Label, HeadOf<Options>>> {
    const { config, device, seed, weights } = checkModelOptions(options)
    const created = await native().NativeModel.create(JSON.stringify(config), device, seed)
    const model = new CnnLstm<Label, HeadOf<Options>>(unwrap(created))
    if (weights === null) return model
    try {
      await loadCnn(model.#handle, weights)
    } catch (error) {
      await model.dispose()
      throw error
    }
    return model
  }

  /**
   * Loads a model, configuration and weights, from a file that {@link CnnLstm.save} wrote.
   *
   * @typeParam Head - The file's head, where it is not one class for each clip: `{ kind: 'regression', per: 'clip' }`.
   * @throws {ZoetropeError} `ERR_CHECKPOINT` when the file is missing, no regular file, damaged or without a
   * configuration.
   */
  static async load<Label extends string = string, Head extends HeadType = ClipClassification>(
    path: string | URL,
    options: { readonly device?: Device | undefined } = {},
  ): Promise<CnnLstm<Label, Head>> {
    const file = checkPath(path)
    options = checkOptions(options, 'options', ['device'])
    const device = checkDevice(options.device)
    return new CnnLstm<Label, Head>(unwrap(await native().NativeModel.load(file, device)))
  }

  /** Whether {@link CnnLstm.dispose} was called. */
  get isDisposed(): boolean {
    return this.#handle.isDisposed
  }

  /**
   * Answers clips, without dropout. The arrays may be changed as soon as the call returns.
   *
   * @param clips - `[batch, channels, height, width]` or `[batch, time, channels, height, width]`; of vectors
   * `[batch, features]` or `[batch, time, features]`.
   * @returns For each clip, in order, what the head predicts: `{ label, index, probabilities }` of a classification,
   * `{ labels, probabilities }` of several labels, `{ values }` of a regression, `{ labels, text, confidence, spans }` of
   * label strings; of a head per frame an array with one for each valid frame. Of a token sequence it is
   * {@link CnnLstm.generate} with its defaults.
   * @throws {TypeError} For arguments of a wrong type.
   * @throws {RangeError} For lengths that do not fit the clips.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the clips do not fit the model, `ERR_DISPOSED`.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({ input: { features: 12 }, classes: ['yes', 'no'] })
   *
   * // Two clips of up to 9 steps. The second clip has 4 steps, and its other 5 are padding.
   * const clips = { data: new Float32Array(2 * 9 * 12), shape: [2, 9, 12] }
   * for (const { label, probabilities } of await model.predict(clips, { lengths: [9, 4] }))
   *   console.log(label, probabilities)
   * ```
   */
  async predict(clips: NdArray, options: PredictOptions<Label, Head> = {}): Promise<PredictionOf<Label, Head>[]> {
    // oxlint-disable typescript/no-unsafe-type-assertion -- the type parameter says what the configuration is
    if (this.config.head.kind === 'ctc') {
      const strings = await this.#labelStrings(clips, options)
      return strings as unknown as PredictionOf<Label, Head>[]
    }
    if (this.config.head.kind === 'sequence') {
      const { lengths } = checkOptions(options, 'options', ['lengths'])
      const written = await this.#write(clips, checkGenerateOptions({ lengths }))
      return written as PredictionOf<Label, Head>[]
    }
    const { batch, lengths } = this.#batch(clips, options)
    const predictions = await this.#handle.run((model) => model.predict(batch))
    return toPredictions(predictions, this.config.head as unknown as Head, this.classes, lengths)
    // oxlint-enable typescript/no-unsafe-type-assertion
  }

  /**
   * The string of labels that the decoder of a token sequence writes for each clip. The arrays may be changed as soon as the
   * call returns. The answer for a clip depends neither on the other clips, nor on its place among them, nor on padding.
   *
   * @param clips - As for {@link CnnLstm.predict}.
   * @throws {TypeError} For arguments of a wrong type, or a model whose head is not `'sequence'`.
   * @throws {RangeError} For a value out of range, or an option that belongs to another strategy.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the clips do not fit the model, `ERR_DISPOSED`.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({
   *   input: { features: 12 },
   *   classes: ['a', 'b', 'c'],
   *   head: { kind: 'sequence', maxLength: 5 },
   * })
   *
   * const clips = { data: new Float32Array(2 * 9 * 12), shape: [2, 9, 12] }
   * for (const { text, score } of await model.generate(clips, { strategy: 'beam', beams: 8 })) console.log(text, score)
   * ```
   */
  async generate(
    this: CnnLstm<string, TokenSequence>,
    clips: NdArray,
    options: GenerateOptions = {},
  ): Promise<Generated<Label>[]> {
    this.#checkWrites('generate')
    const written = await this.#write(clips, checkGenerateOptions(options))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- names of this model's classes
    return written as Generated<Label>[]
  }

  /**
   * The labels of one clip's string as they are written, and at the end, as the iterator's return value, what
   * {@link CnnLstm.generate} answers. Other calls on the model take their turns between two labels.
   *
   * @param clip - One clip, without an axis of the batch: `[time, channels, height, width]`, or of vectors
   * `[time, features]`. It may be changed as soon as the call returns.
   * @throws As {@link CnnLstm.generate}: wrong arguments at once, other errors from the iterator.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({
   *   input: { features: 12 },
   *   classes: ['a', 'b', 'c'],
   *   head: { kind: 'sequence', maxLength: 5 },
   * })
   *
   * const clip = { data: new Float32Array(9 * 12), shape: [9, 12] }
   * for await (const label of model.generateTokens(clip, { strategy: 'sample', seed: 1 })) console.log(label)
   * console.log('the end')
   * ```
   */
  generateTokens(
    this: CnnLstm<string, TokenSequence>,
    clip: NdArray,
    options: TokenOptions = {},
  ): AsyncGenerator<Label, Generated<Label>, undefined> {
    this.#checkWrites('generateTokens')
    const { data, shape } = checkNdArray(clip, 'clip')
    const settings = checkTokenOptions(options)
    this.#handle.checkUsable() //                    before anything is copied
    const batch = unwrap(native().NativeBatch.fromArrays(data, [1, ...shape], null, null))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    return writeTokens(this.#handle, batch, settings, this.classes as readonly Label[])
  }

  /**
   * The steps after each clip, of a model with a forecast head. The arrays may be changed as soon as the call returns.
   *
   * @param clips - As for {@link CnnLstm.predict}.
   * @returns `[batch, steps, …step]`, in the units of the inputs, bytes scaled to 0…1. With `loss: 'bce'` these are
   * probabilities, or with `sample` draws of 0 and 1.
   * @throws {TypeError} For arguments of a wrong type, and for a model with another head.
   * @throws {RangeError} For lengths that do not fit the clips, more `steps` than a direct forecast has, or `sample`
   * without `loss: 'bce'`.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the clips do not fit the model, `ERR_DATA` for numbers outside of
   * 0…1 with `loss: 'bce'`, `ERR_DISPOSED`.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({
   *   input: { features: 2 },
   *   head: { kind: 'forecast', horizon: 4, mode: 'recursive' },
   * })
   * const clips = { data: new Float32Array(1 * 30 * 2), shape: [1, 30, 2] }
   * const { shape } = await model.forecast(clips, { steps: 12 })
   * console.log(shape) // [1, 12, 2]
   * ```
   */
  async forecast(
    this: CnnLstm<string, ClipForecast>,
    clips: NdArray,
    options: ForecastOptions = {},
  ): Promise<FloatArray> {
    const { lengths, ...wanted } = checkOptions(options, 'options', ['lengths', 'steps', 'sample', 'signal'])
    const checked = checkNdArray(clips, 'clips')
    const settings = checkForecastOptions(wanted, this.config, checked.shape[0] ?? 0)
    return runForecast(this.#handle, this.#batch(checked, { lengths }).batch, settings)
  }

  /**
   * Answers a file, or a folder of frames, whose frames are made as those were that the model learned from: its
   * `config.preprocessing` says how, which a {@link FolderDataset} gave to {@link CnnLstm.create}.
   *
   * @returns One answer for each window, in order, as {@link CnnLstm.predict} gives them; a single one where the
   * preprocessing has no windows.
   * @throws {TypeError} For arguments of a wrong type.
   * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, `ERR_INVALID_CONFIG` for a model without
   * preprocessing, `ERR_CHECKPOINT` for one whose file has a wrong one, `ERR_SHAPE_MISMATCH` when it does not fit the
   * model, `ERR_DISPOSED`.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * export async function answer(path: string) {
   *   await using model = await CnnLstm.load('model.safetensors')
   *   const [prediction] = await model.predictFile(path)
   *   return prediction?.label
   * }
   * ```
   */
  async predictFile(
    path: string | URL,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<PredictionOf<Label, Head>[]> {
    const file = checkPath(path)
    options = checkOptions(options, 'options', ['signal'])
    const signal = checkSignal(options.signal, 'signal')
    this.#handle.checkUsable()
    const predictions: PredictionOf<Label, Head>[] = []
    for await (const { data, shape } of readFileSamples(file, storedPreprocessing(this.config), signal)) {
      predictions.push(...(await this.predict({ data, shape: [1, ...shape] })))
    }
    return predictions
  }

  /**
   * The model's raw predictions, before softmax or sigmoid: `[batch, outputs]`, where the head is per frame
   * `[batch, time, outputs]` with zeros for padding.
   *
   * @param clips - As for {@link CnnLstm.predict}.
   * @throws {TypeError} For arguments of a wrong type.
   * @throws {RangeError} For lengths that do not fit the clips.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the clips do not fit the model, `ERR_DISPOSED`.
   */
  async logits(clips: NdArray, options: ClipOptions = {}): Promise<FloatArray> {
    const { batch } = this.#batch(clips, options)
    return this.#handle.run((model) => model.logits(batch))
  }

  /**
   * Begins a clip that is still running: {@link ClipStream.push} takes one frame after the other and answers each, at a
   * cost that does not grow with the clip. A model has any number of streams at once.
   *
   * @throws {ZoetropeError} `ERR_INVALID_CONFIG` when the model's answers depend on later frames: a bidirectional one, or
   * one with a convolution over the time of vectors. `ERR_DISPOSED`.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({ input: { channels: 3, height: 32, width: 32 }, classes: ['wave', 'nod'] })
   * await using stream = model.stream()
   * for (let time = 0; time < 5; time++) {
   *   const frame = { data: new Uint8Array(3 * 32 * 32), shape: [3, 32, 32] } //     from a camera
   *   const { label, probabilities } = await stream.push(frame)
   *   console.log(time, label, probabilities)
   * }
   * ```
   */
  stream(): ClipStream<Label, Head> {
    unwrap(native().checkStreams(this.#handle.native))
    return new ClipStream<Label, Head>(this.#streamModel())
  }

  /**
   * Pushes a frame into each of several streams of this model at once, which costs less than one after the other.
   *
   * @param pushes - Pairs `[stream, frame]`, each stream once. The frames have the same type, and are as for {@link
   * ClipStream.push}.
   * @returns The answer of each stream, in the same order.
   * @throws {TypeError} For arguments of a wrong type.
   * @throws {RangeError} For a stream of another model, or one that is there twice.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH`, `ERR_DISPOSED`. All streams are then as they were.
   */
  async pushAll(
    pushes: readonly (readonly [ClipStream<Label, Head>, NdArray])[],
  ): Promise<StreamAnswerOf<Label, Head['kind']>[]> {
    return pushFrames<Label, Head>(this.#streamModel(), checkPushes(pushes))
  }

  /**
   * Writes configuration and weights as safetensors. The file appears whole or not at all. A symbolic link stays a link
   * and the file behind it is written; a file that is replaced hands its mode on.
   *
   * @throws {ZoetropeError} `ERR_CHECKPOINT` when it cannot be written.
   */
  async save(path: string | URL): Promise<void> {
    const file = checkPath(path)
    await this.#handle.run((model) => model.save(file))
  }

  /**
   * Writes the model as an ONNX file, which runs without Zoetrope: opset 17, batch and time free. The file appears whole or
   * not at all. `docs/onnx.md` has its inputs, outputs and metadata.
   *
   * Where `onnxruntime-node` is installed, the file is first compared with the model on random clips of several lengths. A
   * file that differs is refused. Without it the file is not compared, and the process warns of that with the code
   * `ZOETROPE_ONNX_UNCHECKED`.
   *
   * A forecast's file gives the whole horizon. A token sequence becomes two files, `digits.onnx` and beside it one step of the
   * decoder, `digits.decoder.onnx`; `writeStrings` of `zoetrope/decode` writes strings by them.
   *
   * @returns How far the file is from the model, and on how many clips.
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For options that do not fit the model: `streaming` of a bidirectional one.
   * @throws {ZoetropeError} `ERR_CHECKPOINT` when the file cannot be written, would be larger than ONNX's 2 GiB, or differs
   * from the model by more than 1e-4 or in an answer.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using model = await CnnLstm.create({ input: { features: 12 }, classes: ['yes', 'no'] })
   * const { largestDifference, clips } = await model.exportOnnx('answers.onnx', { softmax: true })
   * console.log(`${clips} clips differ by ${largestDifference} at most`)
   * ```
   */
  async exportOnnx(path: string | URL, options: OnnxOptions = {}): Promise<OnnxExport> {
    const file = checkPath(path)
    return exportOnnx(this.#handle, this.config, file, checkOnnxOptions(options, this.config))
  }

  /**
   * A copy of every parameter and of batch norms' statistics, by the name it has in PyTorch. The count
   * `num_batches_tracked` is a float here, an int64 in files.
   */
  async stateDict(): Promise<Map<string, FloatArray>> {
    return toStateDict(await this.#handle.run((model) => model.stateDict()))
  }

  /**
   * Replaces every parameter and statistic, from a safetensors file, a `Map` or any iterable of `[name, NdArray]`. The
   * arrays may be changed as soon as the call returns. Files may hold float64, float16 and bfloat16 too. As in PyTorch a
   * batch norm's `num_batches_tracked` may be missing: the model's own count stays.
   *
   * Weights that were trained under other names load with `prefix` and `rename`, and those of a part of a model with
   * `strict: false`. `docs/model.md` says how a `.pt` file becomes safetensors.
   *
   * @returns What `strict: false` left out and left as it was. Nothing where it is true: every name then had its partner.
   * @throws {TypeError} For arguments of a wrong type.
   * @throws {RangeError} When `rename` gives two tensors one name.
   * @throws {ZoetropeError} `ERR_CHECKPOINT`, whose `details` list `missing`, `unexpected` and `mismatched` names (the
   * first 50 of each, and in `omitted` how many more there are). The model is left as it was.
   *
   * @example
   * ```ts
   * import { CnnLstm } from 'zoetrope'
   *
   * await using trained = await CnnLstm.create({ input: { features: 12 }, classes: ['yes', 'no'] })
   * const checkpoint = new Map([...(await trained.stateDict())].map(([name, array]) => [`module.${name}`, array]))
   *
   * await using model = await CnnLstm.create({ input: { features: 12 }, classes: ['yes', 'no', 'perhaps'] })
   * const { missing } = await model.loadStateDict(checkpoint, {
   *   prefix: 'module.',
   *   rename: (name) => (name.startsWith('fc.') ? undefined : name), // another number of classes
   *   strict: false,
   * })
   * console.log('still as drawn:', missing)
   * ```
   */
  async loadStateDict(
    state: string | URL | Iterable<readonly [string, NdArray]>,
    options: LoadOptions & { strict: false },
  ): Promise<LoadResult>
  async loadStateDict(
    state: string | URL | Iterable<readonly [string, NdArray]>,
    options?: LoadOptions,
  ): Promise<LoadResult | undefined>
  async loadStateDict(
    state: string | URL | Iterable<readonly [string, NdArray]>,
    options: LoadOptions = {},
  ): Promise<LoadResult | undefined> {
    return loadStateDict(this.#handle, state, options)
  }

  /**
   * Freezes every parameter whose name begins with the prefix, such as `'cnn'`, `'cnn.conv1'` or `'lstm.lstm.bias'`: it
   * gets no gradient and no update, not even by weight decay or momentum. Of a prefix that ends in a digit, the number
   * ends there: `'cnn.conv1'` is not the beginning of `'cnn.conv10.weight'`. `''` freezes everything.
   *
   * A batch norm whose weight and bias are frozen is frozen as a whole: also in training it normalises by its running
   * statistics, and keeps them. Dropout of frozen layers stays on. What is frozen is not saved with the model.
   *
   * @returns The names of the parameters that the prefix fits.
   * @throws {ZoetropeError} `ERR_INVALID_CONFIG`, naming the prefixes there are, when no name begins so.
   */
  async freeze(prefix: string): Promise<string[]> {
    return this.#handle.setFrozen(checkString(prefix, 'prefix'), true)
  }

  /** Undoes {@link CnnLstm.freeze}: parameters train again, with the state that optimizers had of them. */
  async unfreeze(prefix: string): Promise<string[]> {
    return this.#handle.setFrozen(checkString(prefix, 'prefix'), false)
  }

  /**
   * Prints and returns the model as a table like that of Keras: layers, output shapes and parameters. Frozen
   * parameters, and running means and variances, count as non-trainable.
   *
   * @param options - `print` takes the text; default `console.log`. A promise that it gives is not waited for; one that
   * rejects is a warning of the process, `ZOETROPE_CALLBACK`.
   */
  summary(options: { readonly print?: ((text: string) => unknown) | undefined } = {}): string {
    options = checkOptions(options, 'options', ['print'])
    // oxlint-disable-next-line no-console -- printing is what a summary is for
    const { print = console.log } = options
    checkCallback(print, 'print')
    const text = formatSummary('CnnLstm', this.#handle.native.layers(), this.#handle.frozenValues)
    warnOfRejection(print(text), 'print')
    return text
  }

  /** Frees the model's memory after the running step; waiting calls reject with `ERR_DISPOSED`. Twice is fine. */
  async dispose(): Promise<void> {
    await this.#handle.dispose()
  }

  /** The end of an `await using` block: the same as {@link CnnLstm.dispose}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #write(
    clips: NdArray,
    { lengths: given, ...settings }: CheckedGeneration & Pick<GenerateOptions, 'lengths'>,
  ): Promise<Generated<Label>[]> {
    const { data, shape } = checkNdArray(clips, 'clips')
    const lengths = checkLengths(given, shape)
    this.#handle.checkUsable() //                    before anything is copied
    return writeAll(this.#handle, { data, shape, lengths }, settings, this.classes)
  }

  #checkWrites(name: string): void {
    const { kind } = this.config.head
    if (kind === 'sequence') return
    throw new TypeError(
      `Expected a model whose head is 'sequence' for \`${name}\`, received one whose head is '${kind}'`,
    )
  }

  #streamModel(): StreamModel<Label> {
    return { handle: this.#handle, config: this.config, classes: this.classes }
  }

  async #labelStrings(clips: NdArray, options: LabelStringOptions): Promise<LabelStringPrediction<Label>[]> {
    const { decode, signal, ...rest } = checkOptions(options, 'options', ['lengths', 'decode', 'signal'])
    const search = checkDecode(decode, this.classes)
    const abort = new AbortScope(checkSignal(signal, 'signal'))
    try {
      abort.throwIfAborted()
      const { batch } = this.#batch(clips, rest)
      const decoder = new (native().NativeDecoder)(this.#handle.native)
      abort.onAbort(() => decoder.cancel())
      await abort.race(this.#handle.run(() => decoder.read(batch)))
      const found = await abort.race(
        findStrings((decoding) => this.#handle.run(() => decoder.decode(decoding)), search, this.classes),
      )
      return found.map((string) => toLabelString(string, this.classes))
    } finally {
      abort.release()
    }
  }

  #batch(clips: NdArray, options: ClipOptions): { batch: NativeBatch; lengths: Int32Array | null } {
    const { data, shape } = checkNdArray(clips, 'clips')
    options = checkOptions(options, 'options', ['lengths'])
    const lengths = checkLengths(options.lengths, shape)
    this.#handle.checkUsable() //                    before anything is copied
    return { batch: unwrap(native().NativeBatch.fromArrays(data, [...shape], lengths, null)), lengths }
  }
}

/** The private half of a model that was passed as an argument. */
export function modelHandle(model: AnyCnnLstm): ModelHandle {
  const handle = typeof model === 'object' && model !== null ? readHandle(model) : undefined
  if (handle === undefined) throw typeError('a CnnLstm', 'model', model)
  return handle
}

function labels({ classes, numClasses }: ModelConfig): readonly string[] {
  return classes ?? Array.from({ length: numClasses }, (_, index) => String(index))
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
