import test from 'ava'
import { DataLoader, TensorDataset, readNpy, readNpz } from 'zoetrope'
import { collect } from '../../helpers/collect'
import { failsWith, refuses, untyped } from '../../helpers/expect'
import { fileOf, npy, refusesEveryCut, refusesFile } from '../../helpers/files'
import { NUMPY_CONTENTS, NUMPY_NPZ } from '../../helpers/numpy-npz'
import { seeded } from '../../helpers/random'
import type { NpyChanges } from '../../helpers/files'

const TWO_BY_THREE = npy('<f4', [2, 3], new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer))

test('every type that NumPy wrote comes as NumPy has it', async (t) => {
  const arrays = await readNpz(fileOf(NUMPY_NPZ))
  t.deepEqual([...arrays.keys()], Object.keys(NUMPY_CONTENTS))
  for (const [name, { dtype, shape, data }] of arrays) t.deepEqual({ dtype, shape, data }, NUMPY_CONTENTS[name], name)
})

test('versions 1 to 3, keys in any order, and either quotes', async (t) => {
  const header = `{"shape":(3L,),'fortran_order':False , 'descr':"|u1"}`
  const changes: NpyChanges[] = [{}, { version: [2, 0] }, { version: [3, 0] }, { header }, { header, version: [2, 0] }]
  for (const change of changes) {
    const { data, shape, dtype } = await readNpy(fileOf(npy('|u1', [3], Uint8Array.of(7, 8, 9), change)))
    t.deepEqual({ data, shape, dtype }, { data: Uint8Array.of(7, 8, 9), shape: [3], dtype: 'uint8' })
  }
})

test('a path may be a URL', async (t) => {
  const { shape } = await readNpy(new URL(`file://${fileOf(TWO_BY_THREE)}`))
  t.deepEqual(shape, [2, 3])
})

test('toNdArray hands uint8 and float32 on as they are, and makes float32 of other numbers', async (t) => {
  const arrays = await readNpz(fileOf(NUMPY_NPZ))
  for (const name of ['u1', 'f4']) t.true(arrays.get(name)!.toNdArray().data === arrays.get(name)!.data)
  t.deepEqual(arrays.get('b1')!.toNdArray(), { data: Float32Array.of(1, 0, 1), shape: [1, 3] })
  t.deepEqual(arrays.get('i8')!.toNdArray().data, Float32Array.of(-(2 ** 63), 7))
  t.deepEqual(arrays.get('f8')!.toNdArray(), { data: Float32Array.of(1 / 3), shape: [] })
  await failsWith(t, 'ERR_DATA', () => arrays.get('text')!.toNdArray())
})

test('toTargets takes every type of integer and refuses what is no class', async (t) => {
  const arrays = await readNpz(fileOf(NUMPY_NPZ))
  t.deepEqual(arrays.get('u1')!.toTargets(), Int32Array.of(0, 255))
  const big = await readNpy(fileOf(npy('<i8', [2], new Uint8Array(BigInt64Array.of(0n, 4n).buffer))))
  t.deepEqual(big.toTargets(), Int32Array.of(0, 4))
  for (const name of ['b1', 'i1', 'u4', 'u8', 'i8', 'f2', 'f8', 'text']) {
    await failsWith(t, 'ERR_DATA', () => arrays.get(name)!.toTargets())
  }
  const error = await failsWith(t, 'ERR_DATA', () => arrays.get('i2')!.toTargets())
  t.is(error.message, "Expected the index of a class for value 0 of 'i2.npy', received -2")
})

test('column-major arrays become row-major, whatever their shape', async (t) => {
  for (const shape of [[3], [2, 3], [5, 1, 4], [40, 3, 2, 70], [1, 1, 7], [33, 65], [2, 0, 3]]) {
    for (const [descr, size] of [
      ['|u1', 1],
      ['<i2', 2],
      ['<f4', 4],
      ['<i8', 8],
      ['<U3', 12],
    ] as const) {
      const count = shape.reduce((product, axis) => product * axis, 1)
      const columns = Buffer.alloc(count * size)
      for (let at = 0; at < columns.length; at += Math.min(size, 4)) columns[at] = (at / Math.min(size, 4)) % 100
      const rows = Buffer.concat(
        Array.from({ length: count }, (_, at) => valueAt(columns, size, fortranIndex(at, shape))),
      )
      const header = `{'descr': '${descr}', 'fortran_order': True, 'shape': (${shape.join()},), }`
      const [expected, read] = [npy(descr, shape, rows), npy(descr, shape, columns, { header })].map((file) =>
        fileOf(file),
      )
      t.deepEqual((await readNpy(read!)).data, (await readNpy(expected!)).data, `${descr} ${shape.join()}`)
    }
  }
})

/** Where the value that is the `at`-th in C's order comes in Fortran's. */
function fortranIndex(at: number, shape: readonly number[]): number {
  let [rest, index] = [at, 0]
  let stride = shape.reduce((product, axis) => product * axis, 1)
  for (const axis of shape.toReversed()) {
    stride /= axis
    index += (rest % axis) * stride
    rest = Math.floor(rest / axis)
  }
  return index
}

const valueAt = (bytes: Buffer, size: number, index: number): Buffer => bytes.subarray(index * size, (index + 1) * size)

test('integers of 64 bits become the float32 that Number of them is, in long arrays as in short ones', async (t) => {
  const random = seeded(4)
  const extremes = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 32n - 1n]
  const values = [...extremes]
  while (values.length < 1000) values.push(BigInt.asIntN(64, BigInt(random(2 ** 32)) * 2n ** BigInt(random(33)) - 7n))
  const long = BigInt64Array.from({ length: 2 ** 20 + 5 }, (_, index) => values[index % values.length]!)
  for (const [descr, array] of [
    ['<i8', long],
    ['<i8', long.slice(0, 1000)],
    ['<u8', new BigUint64Array(long.buffer)],
  ] as const) {
    const read = await readNpy(fileOf(npy(descr, [array.length], new Uint8Array(array.buffer))))
    const { data } = read.toNdArray()
    t.true(
      array.every((value, index) => data[index] === Math.fround(Number(value))),
      descr,
    )
    t.true(
      read.data.every((value, index) => value === array[index]),
      descr,
    )
  }
})

test('arrays go into a TensorDataset', async (t) => {
  const clips = await readNpy(fileOf(npy('|u1', [2, 1, 2, 2], Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7))))
  const targets = await readNpy(fileOf(npy('<i4', [2], new Uint8Array(Int32Array.of(1, 0).buffer))))
  const dataset = new TensorDataset({ inputs: clips.toNdArray(), targets: targets.toTargets() })
  const [batch] = await collect(new DataLoader(dataset))
  t.deepEqual(batch!.inputs.data, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7))
  t.deepEqual(batch!.targets, Int32Array.of(1, 0))
})

test('a file that is cut off anywhere is refused', async (t) => {
  await refusesEveryCut(t, TWO_BY_THREE, readNpy)
})

const bytes = Uint8Array.of(1, 2, 3)
const dictionary = (descr: string, order: string, shape: string): NpyChanges => ({
  header: `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`,
})
const malformed: [string, Buffer, number, RegExp][] = [
  ['a wrong magic', npy('|u1', [3], bytes, { magic: '\u0093NUMPX' }), 0, /93 4e 55 4d 50 59, at byte 0 .*50 58$/],
  ['a zip', Buffer.from('PK\u0003\u0004 something'), 0, /received 50 4b 03 04/],
  ['version 0', npy('|u1', [3], bytes, { version: [0, 0] }), 6, /version 1\.0, 2\.0 or 3\.0 .* received 0\.0$/],
  ['version 4', npy('|u1', [3], bytes, { version: [4, 0] }), 6, /received 4\.0$/],
  ['version 1.1', npy('|u1', [3], bytes, { version: [1, 1] }), 6, /received 1\.1$/],
  [
    'a header longer than the file',
    npy('|u1', [3], bytes, { headerLength: 60_000 }),
    10,
    /60000 bytes .* received 121$/,
  ],
  ['a header of 4 GiB', npy('|u1', [3], bytes, { version: [2, 0], headerLength: 2 ** 32 - 1 }), 8, /at most 65535/],
  ['a header cut short', npy('|u1', [3], bytes, { headerLength: 30 }), 10, /\{ … \} as header/],
  ['no dictionary', npy('|u1', [3], bytes, { header: 'hello' }), 10, /received 'hello/],
  ['a key twice', npy('|u1', [3], bytes, { header: "{'descr': '|u1', 'descr': '|u1'}" }), 10, /once,/],
  ['an unknown key', npy('|u1', [3], bytes, { header: "{'order': 'C'}" }), 10, /received 'order'$/],
  ['no shape', npy('|u1', [3], bytes, { header: "{'descr': '|u1', 'fortran_order': False}" }), 10, /'shape'/],
  ['no order', npy('|u1', [3], bytes, { header: "{'descr': '|u1', 'shape': (3,)}" }), 10, /'fortran_order'/],
  ['code for a shape', npy('|u1', [3], bytes, dictionary("'|u1'", 'False', '(__import__("os"),)')), 10, /received/],
  ['objects', npy('|O', [3], bytes), 10, /'descr' .* received '\|O'$/],
  ['complex numbers', npy('<c8', [3], bytes), 10, /received '<c8'$/],
  ['records', npy('', [3], bytes, dictionary("[('x', '<f4'), ('y', '<f4')]", 'False', '(3,)')), 10, /received '\[\(/],
  ['text of no characters', npy('<U0', [3], bytes), 10, /received '<U0'$/],
  ['a negative size', npy('|u1', [], bytes, dictionary("'|u1'", 'False', '(-3,)')), 10, /sizes in 'shape'/],
  ['a size that is no number', npy('|u1', [], bytes, dictionary("'|u1'", 'False', '(1 2,)')), 10, /sizes in 'shape'/],
  ['a gap between sizes', npy('|u1', [], bytes, dictionary("'|u1'", 'False', '(3,,1)')), 10, /sizes in 'shape'/],
  ['a shape beyond 2⁵³', npy('|u1', [2 ** 53], bytes), 10, /sizes in 'shape'/],
  ['a shape of 8 TiB', npy('<f8', [2 ** 20, 2 ** 20], bytes), 128, /8796093022208 bytes .* received 3$/],
  ['a product that overflows', npy('<f8', [2 ** 50, 2 ** 50, 2 ** 50], bytes), 128, /received 3$/],
  ['too few bytes', npy('|u1', [4], bytes), 128, /4 bytes for shape \[4\] of uint8 at byte 128 .* received 3$/],
  ['too many bytes', npy('|u1', [2], bytes), 128, /2 bytes for shape \[2\] of uint8 at byte 128 .* received 3$/],
]
for (const [title, file, offset, message] of malformed) {
  test(`refused with its place: ${title}`, async (t) => {
    const path = fileOf(file, '.npy')
    await refusesFile(t, path, () => readNpy(path), { offset, message })
  })
}

test('whatever bytes change, an array comes or ERR_DATA', async (t) => {
  const random = seeded(1)
  for (let round = 0; round < 500; round++) {
    const changed = Buffer.from(TWO_BY_THREE)
    for (let change = 0; change <= random(3); change++) changed[random(128)] = random(256)
    const path = fileOf(changed)
    const outcome = await readNpy(path).catch((error: unknown) => error)
    if (outcome instanceof Error) await refusesFile(t, path, () => Promise.reject(outcome))
  }
  t.pass()
})

test('a file that is not there, a folder, and what is no path', async (t) => {
  const missing = `${fileOf('')}.not-there`
  const error = await refusesFile(t, missing, () => readNpy(missing), { message: /ENOENT/ })
  t.true(error.cause instanceof Error)
  const folder = fileOf('').replace(/\/[^/]*$/, '')
  await refusesFile(t, folder, () => readNpy(folder), { message: /received EISDIR: a folder$/ })
  await refuses(t, TypeError, /^Expected a path for `path`, received 1$/, () => readNpy(untyped<string>(1)))
  await refuses(t, RangeError, /^Expected a path for `path`, received ''$/, () => readNpy(''))
})
