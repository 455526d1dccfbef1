import { truncateSync } from 'node:fs'
import test from 'ava'
import { DataLoader, NpyDataset, NpzDataset, TensorDataset } from 'zoetrope'
import { collect } from '../../helpers/collect'
import { failsWith, refuses, untyped } from '../../helpers/expect'
import { fileOf, npy, refusesFile, zip } from '../../helpers/files'
import { movingDots, noise } from '../../helpers/toy'
import type { NpyDatasetOptions, NpzDatasetOptions } from 'zoetrope'

const dots = movingDots(10)
const X = { name: 'X.npy', bytes: npy('|u1', dots.inputs.shape, dots.inputs.data) }
const y = { name: 'y.npy', bytes: npy('<i8', [10], new Uint8Array(BigInt64Array.from(dots.targets, BigInt).buffer)) }
const NAMES = { inputs: 'X', targets: 'y' }

test('batches are those of the same arrays in memory', async (t) => {
  const options = { batchSize: 3, shuffle: true }
  const expected = await collect(new DataLoader(new TensorDataset(dots), options))
  const stored = await NpzDataset.open(fileOf(zip([X, y])), NAMES)
  const deflated = await NpzDataset.open(fileOf(zip([{ ...X, isDeflated: true }, y])), NAMES)
  const targets = fileOf(y.bytes, '.npy')
  const file = await NpyDataset.open(fileOf(X.bytes, '.npy'), { targets })
  const withArray = await NpyDataset.open(fileOf(X.bytes, '.npy'), { targets: dots.targets })
  for (const dataset of [stored, deflated, file, withArray]) {
    t.is(dataset.length, 10)
    t.deepEqual(dataset.sampleShape, [6, 1, 8, 8])
    t.is(dataset.dtype, 'uint8')
    t.deepEqual(dataset.targets, dots.targets)
    t.deepEqual(await collect(new DataLoader(dataset, options)), expected)
    await dataset.close()
  }
})

test('numbers other than uint8 come as float32', async (t) => {
  const { data, shape } = noise([4, 3, 2, 2])
  const doubles = npy('<f8', shape, new Uint8Array(Float64Array.from(data).buffer))
  await using dataset = await NpyDataset.open(fileOf(doubles), { targets: [0, 1, 2, 3] })
  t.deepEqual(await dataset.get(2), {
    input: { data: new Float32Array(data.slice(24, 36)), shape: [3, 2, 2] },
    target: 2,
  })
})

test('a sample belongs to whoever asked for it', async (t) => {
  for (const isDeflated of [true, false]) {
    await using dataset = await NpzDataset.open(fileOf(zip([{ ...X, isDeflated }, y])), NAMES)
    const first = await dataset.get(0)
    first.input.data.fill(9)
    t.deepEqual((await dataset.get(0)).input.data, dots.inputs.data.slice(0, first.input.data.length))
  }
})

test('only the slice of a sample is read: damage elsewhere does not matter', async (t) => {
  const bytes = Buffer.from(X.bytes)
  const path = fileOf(bytes)
  await using dataset = await NpyDataset.open(path, { targets: dots.targets })
  truncateSync(path, bytes.length - 1) //                                the last sample loses a byte
  t.is((await dataset.get(8)).input.data.length, 384)
  await refusesFile(t, path, () => dataset.get(9), { offset: 128 + 9 * 384, message: /384 bytes .* received 383$/ })
})

test('close() twice is fine, get() afterwards is ERR_DISPOSED, and reads under way come to their end', async (t) => {
  for (const isDeflated of [true, false]) {
    const dataset = await NpzDataset.open(fileOf(zip([{ ...X, isDeflated }, y])), NAMES)
    const reading = Promise.all([dataset.get(0), dataset.get(9)])
    await Promise.all([dataset.close(), dataset.close()])
    t.is((await reading)[1].target, dots.targets[9]!)
    await failsWith(t, 'ERR_DISPOSED', () => dataset.get(0))
    await dataset.close()
  }
})

test('arrays that make no dataset are refused', async (t) => {
  const open = (inputs: Buffer, targets: unknown = [0, 1]) => {
    const path = fileOf(inputs)
    return { path, call: () => NpyDataset.open(path, untyped<NpyDatasetOptions>({ targets })) }
  }
  const header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }"
  const refused: [{ path: string; call: () => unknown }, RegExp][] = [
    [open(npy('|u1', [2, 2], new Uint8Array(4), { header })), /'fortran_order': False .* received True$/],
    [open(npy('<U1', [2, 1], new Uint8Array(8))), /numbers as clips .* received str$/],
    [open(npy('|u1', [2], new Uint8Array(2))), /at least two axes .* received \[2\]$/],
    [open(npy('|u1', [], new Uint8Array(1))), /received \[\]$/],
    [open(npy('|u1', [2, 0], new Uint8Array())), /received \[2, 0\]$/],
  ]
  for (const [{ path, call }, message] of refused) await refusesFile(t, path, call, { message })
  const clips = npy('|u1', [2, 1, 1, 1], new Uint8Array(2))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', open(clips, [0, 1, 2]).call)
  await failsWith(t, 'ERR_DATA', open(clips, [0, 1.5]).call)
  await failsWith(t, 'ERR_DATA', open(clips, fileOf(npy('|u1', [2, 1], new Uint8Array(2)))).call)
  await refuses(
    t,
    TypeError,
    /^Expected a path or an array of integers for `targets`, received 3$/,
    open(clips, 3).call,
  )
})

test('no samples are a dataset of none', async (t) => {
  await using dataset = await NpyDataset.open(fileOf(npy('|u1', [0, 2, 1, 1, 1], new Uint8Array())), { targets: [] })
  t.is(dataset.length, 0)
  await t.throwsAsync(async () => dataset.get(0), { instanceOf: RangeError })
})

test('names and limits of NpzDataset', async (t) => {
  const path = fileOf(zip([{ ...X, isDeflated: true }, y]))
  const open = (options: unknown) => () => NpzDataset.open(path, untyped<NpzDatasetOptions>(options))
  await refusesFile(t, path, open({ inputs: 'Xtr', targets: 'y' }), { message: /named 'Xtr' .* received X, y$/ })
  await refusesFile(t, path, open({ ...NAMES, memoryLimit: 1000 }), { message: /at most 1000 bytes to unpack/ })
  await refuses(
    t,
    TypeError,
    /^Expected the name of an array in the file for `targets`, received undefined$/,
    open({ inputs: 'X' }),
  )
  await refuses(t, TypeError, /^Unknown option `input`; did you mean `inputs`\?$/, open({ input: 'X' }))
  const index = () => NpzDataset.open(path, NAMES).then(async (dataset) => dataset.get(10))
  await refuses(t, RangeError, /^Expected an integer from 0 to 9 for `index`, received 10$/, index)
})
