import test from 'ava'
import { runNode } from '../helpers/child'

const NAMES =
  'Adam, AdamW, CnnLstm, DataLoader, ERROR_CODES, FolderDataset, NpyArray, NpyDataset, NpzDataset, RMSprop, Sgd, Subset, TensorDataset, ZoetropeError, accuracyByFrames, accuracySvg, audit, balancedWeights, checkLeakage, constant, cosine, fit, getNumThreads, isCudaAvailable, logMel, manualSeed, normalization, oneCycle, readCsv, readNpy, readNpz, readTs, readWav, reduceOnPlateau, setNumThreads, split, stepDecay, test, train, warmup, windows, writeReport'
const USE = `
  const model = await CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, classes: ['a', 'b'], device: 'cpu' })
  const loader = new DataLoader(new TensorDataset({ inputs: { data: new Uint8Array(256), shape: [4, 1, 8, 8] }, targets: [0, 1, 0, 1] }))
  const { samples } = await train(model, loader, { optimizer: new Adam(model) })
  const [{ label }] = await model.predict({ data: new Float32Array(64), shape: [1, 1, 8, 8] })
  await model.dispose()
  console.log(samples, ['a', 'b'].includes(label))`

test('CommonJS: require gives every name, and they work', async (t) => {
  const program = `const { ${NAMES} } = require('zoetrope'); (async () => {${USE}})()`
  const { code, stdout, stderr } = await runNode(['-e', program])
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '4 true\n', stderr: '' })
})

test('ESM: import gives every name, and they work', async (t) => {
  const program = `import { ${NAMES} } from 'zoetrope'\n${USE}`
  const { code, stdout, stderr } = await runNode(['--input-type=module', '-e', program])
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '4 true\n', stderr: '' })
})

test('both ways give the same classes, and nothing else is exported', async (t) => {
  const program = `
    import * as esm from 'zoetrope'
    import { createRequire } from 'node:module'
    const cjs = createRequire(process.cwd() + '/x.js')('zoetrope')
    const names = Object.keys(esm).filter((name) => name !== 'default' && name !== 'module.exports')
    console.log(names.every((name) => esm[name] === cjs[name]), names.filter((name) => name !== '__esModule').join(', '))`
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', program])
  t.is(stderr, '')
  t.is(stdout, `true ${NAMES}\n`)
})
