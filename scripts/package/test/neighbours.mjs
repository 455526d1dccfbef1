/**
 * `node scripts/package/test/neighbours.mjs [FOLDER]`: Zoetrope beside other native packages in one process, in either order
 * of loading. FOLDER holds the node_modules that have them (and `zoetrope`, if the installed package is to be tried; else
 * the clone is). Their numbers must be those that each package has alone. A package that is not installed is skipped:
 *
 *   npm install --ignore-scripts onnxruntime-node@1.30.0 sharp@0.35.5
 */
import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { capture, main, root, SetupError } from '../../steps.mjs'

/** Each a function of the package that computes something, as text: it runs in a process of its own. */
const PROGRAMS = {
  zoetrope: `async ({ Adam, CnnLstm, DataLoader, TensorDataset, train }) => {
    const model = await CnnLstm.create({ input: { channels: 3, height: 16, width: 16 }, numClasses: 3, cnn: [{ outChannels: 16, norm: 'batch' }, { outChannels: 32 }], lstm: { hiddenSize: 64 }, device: 'cpu', seed: 0 })
    const shape = [16, 6, 3, 16, 16]
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => ((at * 7919) % 251) / 251)
    const clips = new TensorDataset({ inputs: { data, shape }, targets: Array.from({ length: 16 }, (_, clip) => clip % 3) })
    const { loss } = await train(model, new DataLoader(clips, { batchSize: 8 }), { optimizer: new Adam(model), progress: false })
    await model.dispose()
    return loss
  }`,
  // A graph of one MatMul of [64, 64] by [64, 64], written as its protocol buffer below.
  'onnxruntime-node': `async ({ InferenceSession, Tensor }) => {
    const session = await InferenceSession.create(Buffer.from(process.env.ONNX_GRAPH, 'base64'))
    const values = Float32Array.from({ length: 64 * 64 }, (_, at) => ((at * 31) % 17) / 17)
    const input = new Tensor('float32', values, [64, 64])
    const { y } = await session.run({ a: input, b: input })
    return y.data.reduce((sum, value) => sum + value, 0)
  }`,
  sharp: `async (sharp) => {
    const pixels = Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, at) => (at * 31) % 251))
    const image = sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
    const resized = await image.resize(40, 30).blur(2).raw().toBuffer()
    return resized.reduce((sum, value, at) => sum + value * (at % 7), 0)
  }`,
  '@tensorflow/tfjs-node': `async (tf) => {
    const values = tf.tensor2d(Float32Array.from({ length: 64 * 64 }, (_, at) => ((at * 31) % 17) / 17), [64, 64])
    return (await tf.matMul(values, values).sum().data())[0]
  }`,
}

/** How two packages share a process. \`first\` is loaded, and perhaps used, before \`second\`. */
const ORDERS = {
  'loaded, loaded, used, used': `
    const [one, two] = [load(first), load(second)]
    results[first] = await programs[first](one)
    results[second] = await programs[second](two)`,
  'loaded and used one after the other': `
    results[first] = await programs[first](load(first))
    results[second] = await programs[second](load(second))`,
  'used at once': `
    const [one, two] = [load(first), load(second)]
    const both = await Promise.all([programs[first](one), programs[second](two)])
    results[first] = both[0]
    results[second] = both[1]`,
}

await main(async () => {
  const folder = resolve(process.argv[2] ?? '.')
  const require = createRequire(join(folder, 'package.json'))
  const paths = { zoetrope: pathOf(require, 'zoetrope') ?? root }
  const rows = []
  for (const name of Object.keys(PROGRAMS)) {
    if (name === 'zoetrope') continue
    paths[name] = pathOf(require, name)
    if (paths[name] === undefined) {
      console.log(`Skipped: ${name} is not installed in ${folder}`)
      continue
    }
    rows.push(...(await beside(paths, name)))
  }
  if (rows.length > 0) console.table(rows)
  const wrong = rows.filter(({ same }) => same !== 'yes')
  if (wrong.length > 0) throw new SetupError(`${wrong.length} of ${rows.length} combinations do not work`)
})

async function beside(paths, name) {
  const alone = {}
  for (const one of ['zoetrope', name]) {
    const { results, problem } = await run(paths, one, one, `results[first] = await programs[first](load(first))`)
    if (problem !== undefined) return [{ beside: name, first: one, order: 'alone', same: problem }]
    alone[one] = results[one]
  }
  const rows = []
  for (const [order, body] of Object.entries(ORDERS)) {
    for (const [first, second] of [
      ['zoetrope', name],
      [name, 'zoetrope'],
    ]) {
      // prettier-ignore
      const { results, problem } = await run(paths, first, second, body)
      const isSame = problem === undefined && [first, second].every((one) => results[one] === alone[one])
      rows.push({ beside: name, first, order, same: isSame ? 'yes' : (problem ?? `${JSON.stringify(results)}, alone ${JSON.stringify(alone)}`) }) // prettier-ignore
    }
  }
  return rows
}

/** One process; `problem` is how it ended, if not well. */
async function run(paths, first, second, body) {
  const folder = await mkdtemp(join(tmpdir(), 'zoetrope-neighbours-'))
  const file = join(folder, 'program.cjs')
  const programs = Object.entries(PROGRAMS).map(([name, text]) => `${JSON.stringify(name)}: ${text}`)
  const text = `
    const [paths, first, second] = ${JSON.stringify([paths, first, second])}
    const programs = { ${programs.join(',\n')} }
    const load = (name) => require(paths[name])
    const results = {}
    ;(async () => { ${body}
      console.log(JSON.stringify(results)) })()`
  await writeFile(file, text)
  try {
    const env = { ...process.env, ONNX_GRAPH: matMulGraph().toString('base64') }
    const { code, stdout, stderr } = await capture(process.execPath, [file], { env })
    if (code !== 0)
      return { problem: `${code === null ? 'it was killed' : `exit code ${code}`}: ${stderr.trim().slice(-300)}` }
    return { results: JSON.parse(stdout.trim().split('\n').at(-1)) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The main file of an installed package: it is loaded by its path, so that the program may lie elsewhere. */
function pathOf(require, name) {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

/** An ONNX model of one node, `y = a · b`. */
function matMulGraph() {
  const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)])
  const number = (field, value) => Buffer.from([(field << 3) | 0, ...varint(value)])
  const bytes = (field, content) => {
    const body = Buffer.from(content)
    return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(body.length)]), body])
  }
  const message = (...fields) => Buffer.concat(fields)
  const sides = bytes(1, number(1, 64))
  const float32 = message(number(1, 1), bytes(2, message(sides, sides)))
  const value = (field, name) => bytes(field, message(bytes(1, name), bytes(2, bytes(1, float32))))
  const node = message(bytes(1, 'a'), bytes(1, 'b'), bytes(2, 'y'), bytes(4, 'MatMul'))
  const graph = message(bytes(1, node), bytes(2, 'g'), value(11, 'a'), value(11, 'b'), value(12, 'y'))
  return message(number(1, 8), bytes(7, graph), bytes(8, message(bytes(1, ''), number(2, 13))))
}
