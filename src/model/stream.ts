/** Answers while a clip runs: a stream takes one frame after the other. */
import { types } from 'node:util'
import { elements, checkNdArray, formatShape } from '../common/nd-array'
import { rangeError, typeError } from '../common/checks'
import { isVector } from '../config/input'
import { allocated, listOf } from '../common/list'
import { ZoetropeError, unwrap } from '../errors'
import { native } from '../native'
import { LabelReader } from './labels-so-far'
import { toPredictions } from './predictions'
import type { List } from '../common/list'
import type { ModelHandle } from './handle'
import type { FloatArray, NdArray } from '../common/nd-array'
import type { HeadType } from '../config/head'
import type { InputOptions } from '../config/input'
import type { LabelsSoFar } from './labels-so-far'
import type { AnswerOf } from './predictions'

/** What a stream knows of its model. */
export interface StreamModel<Label extends string> {
  readonly handle: ModelHandle
  readonly config: { readonly input: InputOptions; readonly head: HeadType }
  readonly classes: readonly Label[]
}

/** The next frame of a stream, and who reads its labels where the head is CTC. */
interface Next {
  readonly id: number
  readonly isFirst: boolean
  readonly reader: LabelReader
}

/** What a stream says after a frame. */
export type StreamAnswerOf<Label extends string, Kind> = Kind extends 'ctc' ? LabelsSoFar<Label> : AnswerOf<Label, Kind>

/** The private half of a stream. */
interface StreamParts {
  readonly handle: ModelHandle
  /** Throws when the stream was disposed of. */
  readonly checkUsable: () => void
  /** Says that a frame is being pushed. */
  readonly next: () => Next
}

let readParts: (stream: object) => StreamParts | undefined

/** Streams made so far, of all models. */
let created = 0

/** Streams that a program drops without disposing of them: the engine then drops their state. */
const collected = new FinalizationRegistry<{ handle: WeakRef<ModelHandle>; id: number }>(({ handle, id }) => {
  const model = handle.deref()
  if (model !== undefined) void forget(model, id)
})

/**
 * A clip that is still running: made by {@link CnnLstm.stream}, it takes one frame after the other and answers each.
 *
 * After t frames the answer is that of {@link CnnLstm.predict} on these t frames. A frame costs the same however many came
 * before: the state of the recurrent part and of the pooling lies in native memory, and does not grow.
 *
 * Weights that change between two pushes count from the next frame on. The state still is what the old weights made of the
 * frames before, which no whole clip would give: `reset()` the stream then.
 *
 * @typeParam Label - The names of the classes.
 * @typeParam Head - The kind of answers.
 */
export class ClipStream<Label extends string = string, Head extends HeadType = HeadType> {
  readonly #model: StreamModel<Label>
  readonly #id = ++created
  #isFirst = true
  #reader: LabelReader
  #disposal: Promise<void> | undefined

  static {
    readParts = (stream) =>
      #model in stream
        ? {
            handle: stream.#model.handle,
            checkUsable: () => stream.#checkUsable(),
            next: () => stream.#next(),
          }
        : undefined
  }

  /** @internal */
  constructor(model: StreamModel<Label>) {
    this.#model = model
    this.#reader = new LabelReader(model.classes)
    collected.register(this, { handle: new WeakRef(model.handle), id: this.#id })
  }

  /** Whether {@link ClipStream.dispose} was called, of the stream or of its model. */
  get isDisposed(): boolean {
    return this.#disposal !== undefined || this.#model.handle.isDisposed
  }

  /**
   * Takes the next frame, and answers for the clip so far; with a head per frame, for this frame. The array may be changed
   * as soon as the call returns. Frames count in the order of the calls, which need not wait for each other.
   *
   * @param frame - `[channels, height, width]`, of vectors `[features]`.
   * @returns What `predict` gives for a clip, of a head per frame what it gives for one frame; of a CTC head the labels
   * that became certain, and the text so far.
   * @throws {TypeError} For a frame of a wrong type.
   * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` when the frame does not fit the model, `ERR_DISPOSED` when the stream or
   * its model was disposed of. The stream is then as it was.
   */
  async push(frame: NdArray): Promise<StreamAnswerOf<Label, Head['kind']>> {
    const [answer] = await pushFrames<Label, Head>(this.#model, [
      { stream: this, frame, streamName: 'this', name: 'frame' },
    ])
    // oxlint-disable-next-line typescript/no-non-null-assertion -- one answer for each frame
    return answer!
  }

  /** Begins a new clip with the next frame. Pushes that were asked for before still belong to the old one. */
  reset(): void {
    this.#isFirst = true
  }

  /** Frees the state, after the pushes that were asked for. Twice is fine. */
  dispose(): Promise<void> {
    this.#disposal ??= forget(this.#model.handle, this.#id)
    return this.#disposal
  }

  /** The end of an `await using` block: the same as {@link ClipStream.dispose}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #checkUsable(): void {
    this.#model.handle.checkUsable()
    if (this.#disposal === undefined) return
    throw new ZoetropeError('ERR_DISPOSED', 'The stream was disposed of; `model.stream()` makes another one')
  }

  #next(): Next {
    const isFirst = this.#isFirst
    if (isFirst) this.#reader = new LabelReader(this.#model.classes)
    this.#isFirst = false
    return { id: this.#id, isFirst, reader: this.#reader }
  }
}

/** Has the engine drop what it keeps for a stream, behind the pushes asked for so far. */
async function forget(handle: ModelHandle, id: number): Promise<void> {
  await handle.callBehind((model) => native().forgetStream(model, id))
}

/** A frame for a stream, and what messages call them. */
interface Push {
  readonly stream: object
  readonly streamName: string
  readonly frame: NdArray
  readonly name: string
}

/** Checks a list of `[stream, frame]` for {@link pushFrames}. */
export function checkPushes(pushes: unknown): readonly Push[] {
  const list = listIn(pushes, 'pushes', 'an array of [stream, frame]')
  return Array.from({ length: list.length }, (_, index) => {
    const name = `pushes[${index}]`
    const pair = listIn(list.at(index), name, 'an array [stream, frame]')
    if (pair.length !== 2) throw rangeError('an array [stream, frame]', name, list.at(index))
    const [stream, frame] = [pair.at(0), pair.at(1)]
    const streamName = `${name}[0]`
    if (typeof stream !== 'object' || stream === null) throw typeError('a stream', streamName, stream)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked next, by copyFrames()
    return { stream, streamName, frame: frame as NdArray, name: `${name}[1]` }
  })
}

/** Pushes a frame into each of some streams of one model, in one call of the engine; the answers in the same order. */
export async function pushFrames<Label extends string, Head extends HeadType>(
  { handle, config, classes }: StreamModel<Label>,
  pushes: readonly Push[],
): Promise<StreamAnswerOf<Label, Head['kind']>[]> {
  handle.checkUsable()
  const streams = checkStreams(handle, pushes)
  if (streams.length === 0) return []
  const frames = copyFrames(config.input, pushes)
  const batch = unwrap(native().NativeBatch.fromArrays(frames.data, [...frames.shape], null, null))
  const next = streams.map((stream) => stream.next())
  const ids = next.map(({ id, isFirst }) => ({ id, isFirst }))
  const answers = await handle.run((model) => native().pushFrames(model, batch, ids))
  const read =
    config.head.kind === 'ctc'
      ? rows(answers).map((outputs, index) => next[index]?.reader.read(outputs))
      : toPredictions(answers, { kind: config.head.kind, per: 'clip' }, classes, null)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the head decides the kind of answer
  return read as StreamAnswerOf<Label, Head['kind']>[]
}

/** The rows of a matrix. */
function rows({ data, shape: [count = 0, columns = 0] }: FloatArray): Float32Array[] {
  return Array.from({ length: count }, (_, row) => data.slice(row * columns, (row + 1) * columns))
}

function checkStreams(handle: ModelHandle, pushes: readonly Push[]): readonly StreamParts[] {
  const seen = new Set<object>()
  return pushes.map(({ stream, streamName }) => {
    const parts = readParts(stream)
    if (parts === undefined) throw typeError('a stream', streamName, stream)
    if (parts.handle !== handle) throw rangeError('a stream of this model', streamName, stream)
    if (seen.has(stream)) throw rangeError('a stream that has no other frame in the same call', streamName, stream)
    parts.checkUsable()
    seen.add(stream)
    return parts
  })
}

/** The frames in one array of their own, `[frames, channels, height, width]` or `[frames, features]`. */
function copyFrames(input: InputOptions, pushes: readonly Push[]): NdArray {
  const expected = isVector(input) ? [input.features] : [input.channels, input.height, input.width]
  const frames = pushes.map(({ frame, name }) => {
    const { data, shape } = checkNdArray(frame, name)
    if (shape.length === expected.length && shape.every((size, axis) => size === expected[axis])) return data
    const axes = isVector(input) ? '[features]' : '[channels, height, width]'
    throw new ZoetropeError(
      'ERR_SHAPE_MISMATCH',
      `Expected a frame of shape ${formatShape(expected)} (${axes} of the model) for \`${name}\`, received ${formatShape(shape)}`,
      { expected, actual: shape },
    )
  })
  const shape = [frames.length, ...expected]
  const [first] = frames
  if (first === undefined || frames.length === 1) return { data: first ?? new Float32Array(0), shape }
  const isBytes = types.isUint8Array(first)
  const kind = isBytes ? Uint8Array : Float32Array
  const data = allocated<Uint8Array | Float32Array>(kind, elements(shape))
  frames.forEach((frame, index) => {
    if (types.isUint8Array(frame) !== isBytes) {
      throw typeError(`a ${kind.name} as the first frame is`, `${pushes[index]?.name ?? 'frame'}.data`, frame)
    }
    data.set(frame, index * elements(expected))
  })
  return { data, shape }
}

function listIn(value: unknown, name: string, expected: string): List {
  const list = Array.isArray(value) ? listOf(value) : undefined
  if (list === undefined) throw typeError(expected, name, value)
  return list
}
