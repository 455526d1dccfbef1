import test from 'ava'
import { DataLoader, readTs } from 'zoetrope'
import { collect } from '../../helpers/collect'
import { refuses, untyped } from '../../helpers/expect'
import { fileOf, refusesFile } from '../../helpers/files'
import type { ReadTsOptions } from 'zoetrope'

const HEADER = '# made by hand\n@problemName Waves\n@timeStamps false\n@dimensions 2\n@classLabel true up down\n'
const WAVES = `${HEADER}@data\n1,2,3:.5,-1e1,+3:down\n\n4,?:5,6:up\n`

test('variable lengths, [time, channels], labels by their place in the header', async (t) => {
  const { problemName, classes, channels, samples } = await readTs(fileOf(WAVES))
  t.deepEqual({ problemName, classes, channels }, { problemName: 'Waves', classes: ['up', 'down'], channels: 2 })
  t.deepEqual(samples, [
    { input: { data: Float32Array.of(1, 0.5, 2, -10, 3, 3), shape: [3, 2] }, target: 1, label: 'down' },
    { input: { data: Float32Array.of(4, 5, NaN, 6), shape: [2, 2] }, target: 0, label: 'up' },
  ])
})

test('a byte-order mark, Windows line ends, names in capitals, and spaces', async (t) => {
  const text = `\uFEFF${WAVES.replaceAll('\n', '\r\n').replace('@data', '@DATA').replace('1,2,3:', ' 1 , 2,3 : ')}`
  t.deepEqual((await readTs(fileOf(text))).samples, (await readTs(fileOf(WAVES))).samples)
})

test('a last line without an end, and lines longer than what is read at once', async (t) => {
  const long = Array.from({ length: 200_000 }, (_, step) => step % 10)
  const { samples } = await readTs(fileOf(`@classLabel true a\n@data\n${long.join()}:a\n1:a`))
  t.deepEqual(samples[0]!.input, { data: Float32Array.from(long), shape: [200_000, 1] })
  t.deepEqual(samples[1]!.input.shape, [1, 1])
})

test('a message names twenty labels at most', async (t) => {
  const labels = Array.from({ length: 1000 }, (_, index) => `c${index}`)
  const path = fileOf(`@classLabel true ${labels.join(' ')}\n@data\n1:d\n`)
  await refusesFile(t, path, async () => readTs(path), {
    line: 3,
    message: /'c18', 'c19' or 980 more in line 3 .* received 'd'$/,
  })
})

test('missing values get the number that is asked for', async (t) => {
  const { samples } = await readTs(fileOf(WAVES), { missing: 0 })
  t.deepEqual(samples[1]!.input.data, Float32Array.of(4, 5, 0, 6))
})

test("'frames' makes batches that a model of 1 × 1 pixels takes", async (t) => {
  const { samples } = await readTs(fileOf(`${HEADER}@data\n1,2:3,4:up\n5,6:7,8:down\n`), { as: 'frames' })
  const [batch] = await collect(new DataLoader(samples))
  t.deepEqual(batch!.inputs, { data: Float32Array.of(1, 3, 2, 4, 5, 7, 6, 8), shape: [2, 2, 2, 1, 1] })
  t.deepEqual(batch!.targets, Int32Array.of(0, 1))
})

const malformed: [string, string, number, RegExp][] = [
  ['an empty file', '', 0, /a line @data .* received the end of the file$/],
  ['no data', HEADER, 5, /a line @data/],
  ['no samples', `${HEADER}@data\n`, 6, /samples in line 6/],
  ['a header without @', 'hello\n', 1, /begins with '@', .* received 'hello'$/],
  ['binary', '\u0000\u0001\u0002', 1, /begins with '@'/],
  ['no labels declared', '@problemName x\n@data\n1:a\n', 2, /@classLabel before @data/],
  ['a file without labels', '@classLabel false\n@data\n1\n', 1, /received @classLabel false$/],
  ['labels that are none', '@classLabel true\n@data\n1:a\n', 1, /labels behind @classLabel true/],
  ['a label twice', '@classLabel true a b a\n', 1, /received 'a' again$/],
  ['a file for regression', '@targetLabel true\n', 1, /for regression$/],
  ['time stamps', '@timeStamps true\n', 1, /without time stamps/],
  ['neither true nor false', '@timeStamps maybe\n', 1, /true or false behind @timeStamps .* received 'maybe'$/],
  ['no number of dimensions', '@dimensions two\n', 1, /a positive integer behind @dimensions/],
  [
    'univariate with two dimensions',
    '@univariate true\n@dimensions 2\n@classLabel true a\n@data\n',
    4,
    /one dimension/,
  ],
  ['more dimensions', `${HEADER}@data\n1:2:up\n1:2:3:up\n`, 8, /2 dimensions and a label, .* received 3$/],
  ['too many dimensions', `@classLabel true a\n@data\n${'1:'.repeat(70_000)}a\n`, 3, /at most 65536 dimensions/],
  [
    'a value without an end',
    `@classLabel true a\n@data\n${'1'.repeat(70_000)}:a\n`,
    3,
    /values of at most 16384 bytes/,
  ],
  [
    'a label without an end',
    `@classLabel true a\n@data\n1:${'a'.repeat(70_000)}\n`,
    3,
    /a label of 'a' .* received 'a{60}…'$/,
  ],
  ['fewer dimensions', `${HEADER}@data\n1:up\n`, 7, /received 1$/],
  ['no dimension', `@classLabel true a\n@data\na\n`, 3, /at least 1 dimensions/],
  ['an unknown label', `${HEADER}@data\n1:2:left\n`, 7, /a label of 'up', 'down' .* received 'left'$/],
  ['no label', `${HEADER}@data\n1:2:\n`, 7, /received ''$/],
  ['dimensions of two lengths', `${HEADER}@data\n1,2:3:up\n`, 7, /2 values in dimension 2, .* received 1$/],
  ['text', `${HEADER}@data\n1,x:3,4:up\n`, 7, /value 2 of dimension 1 .* received 'x'$/],
  ['an empty value', `${HEADER}@data\n1,:3,4:up\n`, 7, /value 2 of dimension 1 .* received ''$/],
  ['a hexadecimal number', `${HEADER}@data\n0x10:3:up\n`, 7, /received '0x10'$/],
  ['infinity', `${HEADER}@data\n1:Infinity:up\n`, 7, /value 1 of dimension 2/],
  ['a number beyond float32', `${HEADER}@data\n1:1e39:up\n`, 7, /a float32 number .* received '1e39'$/],
  ['a time stamp', `${HEADER}@data\n(0,1):(1,2):up\n`, 7, /received '\(0'$/],
  ['lengths that differ', `@equalLength true\n${HEADER}@data\n1:2:up\n1,2:3,4:up\n`, 9, /1 steps, .* received 2$/],
  ['another length', `@seriesLength 3\n${HEADER}@data\n1:2:up\n`, 8, /3 steps, .* received 1$/],
]
for (const [title, text, line, message] of malformed) {
  test(`refused with its line: ${title}`, async (t) => {
    const path = fileOf(text, '.ts')
    await refusesFile(t, path, () => readTs(path), { line, message })
  })
}

test('options are checked', async (t) => {
  const read = (options: unknown) => () => readTs(fileOf(WAVES), untyped<ReadTsOptions>(options))
  await refuses(t, RangeError, /^Expected 'vectors' or 'frames' for `as`, received 'images'$/, read({ as: 'images' }))
  await refuses(t, TypeError, /^Expected a number for `missing`, received '0'$/, read({ missing: '0' }))
  await refuses(t, RangeError, /^Expected a finite number or NaN for `missing`/, read({ missing: Infinity }))
})
