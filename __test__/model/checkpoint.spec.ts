import test from 'ava'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CnnLstm } from 'zoetrope'
import { runNode } from '../helpers/child'
import { failsWith, refuses } from '../helpers/expect'
import { toyModel } from '../helpers/toy'

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-checkpoint-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

/** A configuration that takes no time to build. */
const TINY = { input: { features: 2 }, lstm: { hiddenSize: 1 }, device: 'cpu', seed: 0 } as const

test('a FIFO, a device and a folder are no model: the call rejects, and process.exit returns', async (t) => {
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const program = `
    const { CnnLstm } = require('zoetrope')
    const options = { input: { features: 2 }, numClasses: 2, lstm: { hiddenSize: 1 }, device: 'cpu' }
    const told = ({ code, message }) => console.log(code, message)
    CnnLstm.create(options).then(async (model) => {
      for (const path of process.argv.slice(1)) {
        await CnnLstm.load(path).catch(told)
        await model.loadStateDict(path).catch(told)
      }
      for (const path of process.argv.slice(1)) CnnLstm.load(path).catch(() => undefined)
      process.exit(3)
    })`
  const { code, signal, stdout } = await runNode(['-e', program, fifo, '/dev/zero', folder])
  t.deepEqual({ code, signal }, { code: 3, signal: null })
  const lines = stdout.trim().split('\n')
  t.is(lines.length, 6, stdout)
  for (const line of lines) t.regex(line, /^ERR_CHECKPOINT Cannot load .*(a FIFO|a device|Is a directory)/)
})

test('a file whose configuration asks for a million layers is ERR_CHECKPOINT with its path', async (t) => {
  await using model = await CnnLstm.create({ ...TINY, numClasses: 2 })
  const path = join(folder, 'layers.safetensors')
  await model.save(path)
  const text = await readFile(path, 'latin1')
  const end = 8 + Number(Buffer.from(text.slice(0, 8), 'latin1').readBigUInt64LE())
  const header = text.slice(8, end).replace(String.raw`\"numLayers\":1`, String.raw`\"numLayers\":1048576`)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  await writeFile(path, Buffer.concat([length, Buffer.from(header + text.slice(end), 'latin1')]))
  const error = await failsWith(t, 'ERR_CHECKPOINT', async () => CnnLstm.load(path))
  t.is(error.details['path'], path)
  t.regex(error.message, /asks for 4194306 tensors, and it holds 6$/)
})

test('a million classes, with names and without, are created, summed up, saved and loaded', async (t) => {
  const numClasses = 2 ** 20
  const names = Array.from({ length: numClasses }, (_, index) => `class ${index}`)
  for (const options of [{ numClasses }, { classes: names }]) {
    await using model = await CnnLstm.create({ ...TINY, ...options })
    const path = join(folder, 'classes.safetensors')
    await model.save(path)
    await using again = await CnnLstm.load(path, { device: 'cpu' })
    t.is(again.classes.length, numClasses)
    t.is(again.classes.at(-1), model.classes.at(-1))
    t.regex(again.summary({ print: () => undefined }), /2,097,152/)
    const [answer] = await again.predict({ data: new Float32Array(4), shape: [1, 2, 2] })
    t.is(answer?.probabilities.length, numClasses)
  }
  names[7] = names[9]!
  await refuses(t, RangeError, /once for `classes\[9\]`/, async () => CnnLstm.create({ ...TINY, classes: names }))
  await refuses(t, RangeError, /well-formed Unicode for `classes\[1\]`/, async () =>
    CnnLstm.create({ ...TINY, classes: ['a', '\ud800'] }),
  )
})

test('the numbers of a configuration come back bit for bit', async (t) => {
  const normalize = { mean: [0.1 + 0.2, 1 / 3], std: [5e-324 + 1e-30, 0.12345678901234568] }
  await using model = await CnnLstm.create({ ...TINY, numClasses: 2, normalize, dropout: 0.7 / 3 })
  const path = join(folder, 'numbers.safetensors')
  await model.save(path)
  await using again = await CnnLstm.load(path, { device: 'cpu' })
  t.deepEqual(model.config.normalize, normalize)
  t.is(model.config.dropout, 0.7 / 3)
  t.deepEqual(again.config, model.config)
})

test('what does not fit is listed up to fifty names, and the rest is counted', async (t) => {
  await using model = await toyModel()
  const extra = Array.from({ length: 1000 }, (_, index) => [`extra${index}`, { data: new Float32Array(1), shape: [1] }])
  const state = new Map([
    ...(await model.stateDict()),
    ...(extra as [string, { data: Float32Array; shape: number[] }][]),
  ])
  const error = await failsWith(t, 'ERR_CHECKPOINT', async () => model.loadStateDict(state))
  t.is((error.details['unexpected'] as string[]).length, 50)
  t.deepEqual(error.details['omitted'], { missing: 0, unexpected: 950, mismatched: 0 })
  t.regex(error.message, /unexpected: extra0, .* and 950 more$/)
})
