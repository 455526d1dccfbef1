/**
 * A worker thread that runs an exported file by onnxruntime-node, which computes on the thread that calls it. It gets a
 * {@link RunOrder}, and posts a {@link RunResult}.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { Probe } from './options'

/** What is to be run. */
export interface RunOrder {
  /** Where onnxruntime-node is. */
  readonly runtime: string
  /** The ONNX file. */
  readonly file: string
  readonly probes: readonly Probe[]
  readonly streaming: boolean
  /** Whether each step has an answer. */
  readonly isPerFrame: boolean
  /** Of a token sequence: the file of the decoder's step, and of each probe the tokens that its steps read, `[batch]` each. */
  readonly strings: { readonly decoder: string; readonly tokens: readonly (readonly Int32Array[])[] } | undefined
}

/** Outputs by name, one entry for each probe; or why there are none. */
export type RunResult =
  | { readonly outputs: readonly Readonly<Record<string, Float32Array>>[] }
  | { readonly failure: string; readonly isRuntimeMissing: boolean }

/** As much of onnxruntime-node as is used here. */
interface Runtime {
  readonly InferenceSession: { create(path: string, options: object): Promise<Session> }
  readonly Tensor: new (type: string, data: Float32Array | Uint8Array | Int32Array, dims: readonly number[]) => Tensor
}

interface Session {
  readonly inputMetadata: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[]
  run(feeds: Feeds): Promise<Feeds>
}

interface Tensor {
  readonly data: Float32Array
}

type Feeds = Readonly<Record<string, Tensor>>

const NEXT = 'next_'
/** Steps of the first two parts of a stream; the third has the rest. */
const FIRST_PARTS = [1, 2]
const ERRORS_ONLY = 3

async function main({ runtime, file, probes, streaming, isPerFrame, strings }: RunOrder): Promise<RunResult> {
  let ort: Runtime
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-require-imports -- see Runtime
    ort = require(runtime) as Runtime
  } catch (error) {
    return { failure: String(error), isRuntimeMissing: true }
  }
  try {
    const settings = { executionProviders: ['cpu'], logSeverityLevel: ERRORS_ONLY }
    const session = await ort.InferenceSession.create(file, settings)
    const decoder = strings && (await ort.InferenceSession.create(strings.decoder, settings))
    const outputs: Readonly<Record<string, Float32Array>>[] = []
    for (const [index, probe] of probes.entries()) {
      const tokens = strings?.tokens[index] ?? []
      const run = streaming
        ? runInParts(ort, session, probe, isPerFrame)
        : runWhole(ort, session, probe).then(async (results) =>
            decoder === undefined ? values(results) : runSteps(ort, decoder, results, probe, tokens),
          )
      outputs.push(await run) // oxlint-disable-line no-await-in-loop -- one after the other
    }
    return { outputs }
  } catch (error) {
    return { failure: String(error), isRuntimeMissing: false }
  }
}

async function runWhole(ort: Runtime, session: Session, probe: Probe): Promise<Feeds> {
  return session.run({ clips: tensor(ort, probe.data, probe.shape), ...lengthsOf(ort, session, probe) })
}

function lengthsOf(ort: Runtime, session: Session, { shape: [batch = 0, time = 0], lengths }: Probe): Feeds {
  if (!session.inputMetadata.some(({ name }) => name === 'lengths')) return {}
  return { lengths: new ort.Tensor('int32', lengths ?? new Int32Array(batch).fill(time), [batch]) }
}

function values(results: Feeds): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]))
}

/** What the decoder gives at each step, which reads the tokens given: `[batch, steps, outputs]`. */
async function runSteps(
  ort: Runtime,
  decoder: Session,
  memory: Feeds,
  probe: Probe,
  tokens: readonly Int32Array[],
): Promise<Record<string, Float32Array>> {
  const [batch = 0] = probe.shape
  let state: Record<string, Tensor> = { ...memory, ...lengthsOf(ort, decoder, probe) }
  const written: Record<string, Float32Array>[] = []
  for (const read of tokens) {
    // oxlint-disable-next-line no-await-in-loop -- a chain of states
    const results = await decoder.run({ ...state, tokens: new ort.Tensor('int32', read, [batch]) })
    const entries = Object.entries(results)
    state = { ...state, ...Object.fromEntries(entries.filter(isState).map(withoutNext)) }
    written.push(values(Object.fromEntries(entries.filter((entry) => !isState(entry)))))
  }
  return joinedAll(written, batch)
}

function isState([name]: readonly [string, unknown]): boolean {
  return name.startsWith(NEXT)
}

function withoutNext<T>([name, value]: readonly [string, T]): [string, T] {
  return [name.slice(NEXT.length), value]
}

/** Runs each clip in parts of 1, 2 and the other steps. What it answers is joined, or of an answer for a clip the last. */
async function runInParts(ort: Runtime, session: Session, { data, shape }: Probe, isPerFrame: boolean) {
  const [batch = 0, time = 0] = shape
  let state: Record<string, Tensor> = {}
  for (const { name, shape: sizes } of session.inputMetadata) {
    if (name === 'clips') continue
    const dims = sizes.map((size) => (typeof size === 'number' ? size : batch))
    state[name] = new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)
  }
  const parts: Record<string, Float32Array>[] = []
  for (const [begin, end] of partsOf(time)) {
    const part = steps(data, batch, time, begin, end)
    const clips = tensor(ort, part, [batch, end - begin, ...shape.slice(2)])
    const results = await session.run({ clips, ...state }) // oxlint-disable-line no-await-in-loop -- a chain of states
    const entries = Object.entries(results)
    state = Object.fromEntries(entries.filter(isState).map(withoutNext))
    parts.push(values(Object.fromEntries(entries.filter((entry) => !isState(entry)))))
  }
  return isPerFrame ? joinedAll(parts, batch) : (parts.at(-1) ?? {})
}

/** Each output's parts of `[batch, time of the part, …]` one behind the other in time. */
function joinedAll(parts: readonly Readonly<Record<string, Float32Array>>[], batch: number) {
  return Object.fromEntries(
    Object.keys(parts.at(-1) ?? {}).map((name) => [
      name,
      joined(
        parts.map((part) => part[name] ?? new Float32Array()),
        batch,
      ),
    ]),
  )
}

function partsOf(time: number): [number, number][] {
  const parts: [number, number][] = []
  let begin = 0
  for (const size of [...FIRST_PARTS, time]) {
    const end = Math.min(time, begin + size)
    if (end > begin) parts.push([begin, end])
    begin = end
  }
  return parts
}

/** Some steps of every clip of `[batch, time, …]`. */
function steps<T extends Float32Array | Uint8Array>(
  data: T,
  batch: number,
  time: number,
  begin: number,
  end: number,
): T {
  const step = data.length / (batch * time)
  const part = data.slice(0, batch * (end - begin) * step)
  for (let clip = 0; clip < batch; clip++) {
    const from = (clip * time + begin) * step
    part.set(data.subarray(from, from + (end - begin) * step), clip * (end - begin) * step)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a slice is of its array's type
  return part as T
}

/** Parts of `[batch, time of the part, …]` one behind the other in time. */
function joined(parts: readonly Float32Array[], batch: number): Float32Array {
  const rows = parts.map((part) => part.length / batch)
  const clips = Array.from({ length: batch }, (_, clip) =>
    parts.map((part, index) => part.subarray(clip * (rows[index] ?? 0), (clip + 1) * (rows[index] ?? 0))),
  )
  return Float32Array.from(clips.flatMap((pieces) => pieces.flatMap((piece) => [...piece])))
}

function tensor(ort: Runtime, data: Float32Array | Uint8Array, shape: readonly number[]): Tensor {
  return new ort.Tensor(data instanceof Uint8Array ? 'uint8' : 'float32', data, shape)
}

async function answer(): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- runFile() gives it
  const result = await main(workerData as RunOrder)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has none
  parentPort?.postMessage(result)
}

void answer()
