import { checkDevice, checkModelOptions } from './options'
import { checkNdArray } from './nd-array'
import { checkPath, checkCallback, checkOptions, typeError } from './checks'
import { ModelHandle } from './model-handle'
import { checkStateDict, toStateDict } from './state-dict'
import { formatSummary } from './summary'
import { native } from './native'
import { ZoetropeError, unwrap } from './errors'
import type { Device, ModelConfig, ModelOptions } from './options'
import type { NativeBatch, NativeModel } from './native'
import type { FloatArray, NdArray } from './nd-array'

/** What the model makes of one clip. */
export interface Prediction<Label extends string = string> {
  /** The name of the most probable class. */
  readonly label: Label
  /** The index of the most probable class. */
  readonly index: number
  /** The probability of each class, `[numClasses]`; they sum to 1. */
  readonly probabilities: Float32Array
}

/** Reads the private half of a model; set by the class itself, so that nobody else can. */
let readHandle: (model: CnnLstm) => ModelHandle | undefined

/**
 * A CNN over each frame, an LSTM over the frames, and a linear layer on the last step.
 *
 * Create one with {@link CnnLstm.create} or {@link CnnLstm.load}. A model lives on a thread of its own and in native
 * memory: `dispose()` it, or declare it with `await using`. Any number of calls may be under way at once; they run in
 * the order in which they were made.
 *
 * @typeParam Label - The names of the classes.
 */
export class CnnLstm<Label extends string = string> {
  readonly #handle: ModelHandle
  /** The whole configuration, defaults filled in. */
  readonly config: ModelConfig
  /** The name of each class: as given, or `'0'`, `'1'`, … for a model created by `numClasses`. */
  readonly classes: readonly Label[]
  /** The number of classes. */
  readonly numClasses: number
  /** Where the model computes: `'cpu'` or `'cuda:0'`. */
  readonly device: string

  static {
    readHandle = (model) => (#handle in model ? model.#handle : undefined)
  }

  private constructor(model: NativeModel) {
    this.#handle = new ModelHandle(model)
    // oxlint-disable typescript/no-unsafe-type-assertion -- the checked options of create(), or a checked file's
    this.config = deepFreeze(model.config as ModelConfig)
    this.numClasses = this.config.numClasses
    this.classes = labels(this.config) as readonly Label[]
    // oxlint-enable typescript/no-unsafe-type-assertion
    this.device = model.device
    Object.freeze(this)
  }

  /**
   * Creates a model with PyTorch's initial weights.
   *
   * Literal names in `classes` become the type of `predict()`'s label.
   *
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range, or blocks that leave no pixel of the frame.
   * @throws {ZoetropeError} `ERR_DEVICE_UNAVAILABLE`, `ERR_OUT_OF_MEMORY`, `ERR_NATIVE_LOAD`.
   */
  static async create<Label extends string = string>(options: ModelOptions<Label>): Promise<CnnLstm<Label>> {
    const { config, device, seed } = checkModelOptions(options)
    return new CnnLstm<Label>(unwrap(await native().NativeModel.create(config, device, seed)))
  }

  /**
   * Loads a model, configuration and weights, from a file that {@link CnnLstm.save} wrote.
   *
   * @throws {ZoetropeError} `ERR_CHECKPOINT` when the file is missing, damaged or holds no configuration.
   */
  static async load(path: string | URL, options: { readonly device?: Device | undefined } = {}): Promise<CnnLstm> {
    const file = checkPath(path)
    checkOptions(options, 'options', ['device'])
    const device = checkDevice(options.device)
    return new CnnLstm(unwrap(await native().NativeModel.load(file, device)))
  }

  /** Whether {@link CnnLstm.dispose} was called. */
  get isDisposed(): boolean {
    return this.#handle.isDisposed
  }

  /**
   * Classifies clips, without dropout. The array may be changed as soon as the call returns.
   *
   * @param clips - `[batch, channels, height, width]` or `[batch, time, channels, height, width]`.
   * @returns One prediction per clip, in order.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the clips do not fit the model, `ERR_DISPOSED`.
   */
  async predict(clips: NdArray): Promise<Prediction<Label>[]> {
    const batch = this.#batch(clips)
    const { data } = await this.#handle.run((model) => model.probabilities(batch))
    const predictions: Prediction<Label>[] = []
    for (let start = 0; start < data.length; start += this.numClasses) {
      predictions.push(this.#prediction(data.slice(start, start + this.numClasses)))
    }
    return predictions
  }

  /**
   * The model's raw answers: `[batch, numClasses]`, before the softmax.
   *
   * @param clips - `[batch, channels, height, width]` or `[batch, time, channels, height, width]`.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the clips do not fit the model, `ERR_DISPOSED`.
   */
  async logits(clips: NdArray): Promise<FloatArray> {
    const batch = this.#batch(clips)
    return this.#handle.run((model) => model.logits(batch))
  }

  /**
   * Writes configuration and weights as safetensors. The file appears whole or not at all.
   *
   * @throws {ZoetropeError} `ERR_CHECKPOINT` when it cannot be written.
   */
  async save(path: string | URL): Promise<void> {
    const file = checkPath(path)
    await this.#handle.run((model) => model.save(file))
  }

  /**
   * A copy of every parameter and of batch norms' statistics, by the name it has in PyTorch. The count
   * `num_batches_tracked` is a float here, an int64 in files.
   */
  async stateDict(): Promise<Map<string, FloatArray>> {
    return toStateDict(await this.#handle.run((model) => model.stateDict()))
  }

  /**
   * Replaces every parameter and statistic, from a safetensors file, a `Map` or any iterable of `[name, NdArray]`.
   *
   * @throws {ZoetropeError} `ERR_CHECKPOINT`, whose `details` list `missing`, `unexpected` and `mismatched` names. The
   * model is left as it was.
   */
  async loadStateDict(state: string | URL | Iterable<readonly [string, NdArray]>): Promise<void> {
    if (typeof state === 'string' || state instanceof URL) {
      const file = checkPath(state, 'state')
      await this.#handle.run((model) => model.loadStateDictFile(file))
      return
    }
    const entries = checkStateDict(state)
    await this.#handle.run((model) => model.loadStateDict(entries))
  }

  /**
   * The model as a table like that of Keras: layers, output shapes and parameters. Prints it and returns it.
   *
   * @param options - `print` takes the text; default `console.log`.
   */
  summary(options: { readonly print?: ((text: string) => void) | undefined } = {}): string {
    checkOptions(options, 'options', ['print'])
    // oxlint-disable-next-line no-console -- printing is what a summary is for
    const { print = console.log } = options
    checkCallback(print, 'print')
    const text = formatSummary('CnnLstm', this.#handle.native.layers())
    print(text)
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

  #batch(clips: NdArray): NativeBatch {
    const { data, shape } = checkNdArray(clips, 'clips')
    this.#handle.checkUsable() //                    before anything is copied
    return unwrap(native().NativeBatch.fromArrays(data, [...shape], null))
  }

  /** Not-a-number probabilities, of inputs or weights that are, have no largest: the first class stands in. */
  #prediction(probabilities: Float32Array): Prediction<Label> {
    const index = probabilities.reduce((best, value, at) => (value > (probabilities[best] ?? 0) ? at : best), 0)
    const label = this.classes[index]
    if (label === undefined) throw new ZoetropeError('ERR_INTERNAL', `Expected a class with index ${index}`)
    return { label, index, probabilities }
  }
}

/** The private half of a model that was passed as an argument. */
export function modelHandle(model: CnnLstm): ModelHandle {
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
