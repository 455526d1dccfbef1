/** Typed arrays whose memory is gone: transferred, as to a worker, or a resizable buffer that has shrunk. */
import test from 'ava'
import { CnnLstm, DataLoader, NpyDataset, Subset, TensorDataset, logMel, normalization } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { fileOf, npy } from '../helpers/files'
import type { DataSource, Dataset, NdArray, Sample } from 'zoetrope'

const GONE = /received (Float32|Int32)Array whose buffer is detached or has shrunk$/

function detached<T extends Float32Array | Int32Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] })
  return array
}

// ES2024's resizable buffers are not in the library that the types come from.
type Resizable = new (length: number, options: { maxByteLength: number }) => ArrayBuffer & { resize(to: number): void }

function shrunk(length: number): Float32Array {
  const buffer = new (ArrayBuffer as unknown as Resizable)(4 * length, { maxByteLength: 4 * length })
  const array = new Float32Array(buffer, 0, length)
  buffer.resize(0)
  return array
}

const inputs: NdArray = { data: new Float32Array(4), shape: [2, 2] }
const gone = [() => detached(new Float32Array(4)), () => shrunk(4)]

test('arrays whose memory is gone are refused, and the message says so', async (t) => {
  for (const make of gone) {
    const array = { data: make(), shape: [2, 2] }
    await refuses(t, TypeError, GONE, () => new TensorDataset({ inputs: array, targets: [0, 1] }))
    await refuses(t, TypeError, GONE, () => logMel({ data: make(), shape: [4], sampleRate: 8000 }))
    const { message } = await failsWith(t, 'ERR_DATA', () => new TensorDataset({ inputs, targets: make() }))
    t.regex(message, GONE)
    const samples = untyped<Sample[]>([{ input: { data: make(), shape: [4] }, target: 0 }])
    t.regex((await failsWith(t, 'ERR_DATA', async () => collect(new DataLoader(samples)))).message, GONE)
  }
  const indices = detached(new Int32Array(2))
  const list = [0, 1].map((target): Sample => ({ input: { data: new Float32Array(4), shape: [4] }, target }))
  await refuses(t, TypeError, GONE, () => new Subset(list, indices))
  await refuses(t, TypeError, GONE, () => new DataLoader(list, { sampleWeights: detached(new Float32Array(2)) }))
})

test('a typed array is no dataset, and no state dict', async (t) => {
  const model = await CnnLstm.create({ input: { features: 2 }, numClasses: 2, lstm: { hiddenSize: 2 }, device: 'cpu' })
  for (const make of gone) {
    await refuses(t, TypeError, GONE, () => new DataLoader(untyped<DataSource>(make())))
    await refuses(t, TypeError, GONE, async () => normalization(untyped<Dataset>(make())))
    await refuses(t, TypeError, GONE, async () => model.loadStateDict(untyped(make())))
    await refuses(t, TypeError, GONE, async () => model.logits({ data: make(), shape: [1, 2, 2] }))
    await refuses(t, TypeError, GONE, async () => model.loadStateDict([['lstm.weight', { data: make(), shape: [4] }]]))
  }
  await refuses(t, TypeError, /Map or an iterable/, async () => model.loadStateDict(untyped(new Float32Array(2))))
  await model.dispose()
})

test('targets of an NpyDataset are looked at one by one', async (t) => {
  const path = fileOf(npy('|u1', [2, 1, 1, 1], new Uint8Array(2)))
  const open = async (targets: unknown) => NpyDataset.open(path, untyped({ targets }))
  for (const make of gone) await refuses(t, TypeError, GONE, async () => open(make()))
  await refuses(t, TypeError, /received BigInt64Array of length 2$/, async () => open(BigInt64Array.of(0n, 1n)))
  for (const bad of [10n, Object.create(null), Symbol('x'), detached(new Int32Array(1)), [], '1', true, undefined]) {
    const { message } = await failsWith(t, 'ERR_DATA', async () => open([0, bad]))
    t.regex(message, /^Expected the index of a class for `targets\[1\]`, received /)
  }
  const sparse = Object.assign([0, 1], { length: 2 ** 32 - 1 })
  const error = await t.throwsAsync(async () => open(sparse)) //    at once, and without the memory for so many
  t.regex((error as { code?: string }).code ?? '', /^ERR_(DATA|OUT_OF_MEMORY)$/)
})
