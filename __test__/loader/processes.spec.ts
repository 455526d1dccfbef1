/** Worker threads, several copies of the package, child processes, and Node's permission model. */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runNode } from '../helpers/child'
import { Installation } from '../helpers/installation'

const installation = new Installation()

/** `trainOnce(zoetrope)` resolves with a loss that is the same wherever the package works. */
const TRAIN = `
  async function trainOnce({ Adam, CnnLstm, DataLoader, TensorDataset, train }) {
    const model = await CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, numClasses: 2, device: 'cpu', seed: 0 })
    const data = Float32Array.from({ length: 4 * 3 * 64 }, (_, index) => (index % 17) / 17)
    const clips = new TensorDataset({ inputs: { data, shape: [4, 3, 1, 8, 8] }, targets: [0, 1, 0, 1] })
    const { loss } = await train(model, new DataLoader(clips), { optimizer: new Adam(model), progress: false })
    await model.dispose()
    return loss.toFixed(6)
  }`

/** Runs a program in an installation; expects the lines of its output. */
async function output(program: string, { folder } = installation, flags: string[] = []): Promise<string[]> {
  const file = join(folder, `program-${Math.random().toString(36).slice(2)}.cjs`)
  writeFileSync(file, TRAIN + program)
  const { code, signal, stdout, stderr } = await runNode([...flags, file], {}, folder)
  return code === 0 && stderr === '' ? stdout.trim().split('\n') : [`${code} ${signal} ${stderr} ${stdout}`]
}

const ALONE = output(`trainOnce(require('zoetrope')).then(console.log)`)

test('several worker threads at once, with the package loaded first in a worker, then in the main thread', async (t) => {
  const lines = await output(`
    const { Worker, isMainThread, parentPort } = require('node:worker_threads')
    if (!isMainThread) trainOnce(require('zoetrope')).then((loss) => parentPort.postMessage(loss))
    else {
      const work = () => new Promise((resolve, reject) => {
        let loss
        new Worker(__filename).once('message', (message) => (loss = message)).once('error', reject).once('exit', () => resolve(loss))
      })
      const rounds = async () => {
        console.log(await work())
        for (const loss of await Promise.all([work(), work(), work(), work()])) console.log(loss)
        console.log(await trainOnce(require('zoetrope')))
        console.log(await work())
      }
      rounds()
    }`)
  t.deepEqual(
    lines,
    Array.from({ length: 7 }, () => [...new Set(lines)][0]),
  )
  t.deepEqual([...new Set(lines)], await ALONE)
})

test('two copies of the package, each with a libtorch of its own, in one process', async (t) => {
  const [first, second] = [new Installation(), new Installation()]
  for (const copied of [first, second]) {
    const lib = join(copied.libtorch, 'lib')
    copied.copyLibraries(`${lib}.copy`)
    rmSync(lib, { recursive: true })
    renameSync(`${lib}.copy`, lib)
  }
  const other = JSON.stringify(second.root)
  const lines = await output(
    `const [one, two] = [require('zoetrope'), require(${other})]
    trainOnce(one).then(console.log).then(() => trainOnce(two)).then(console.log).then(() => console.log(one === two))`,
    first,
  )
  const [loss] = await ALONE
  t.deepEqual(lines, [loss, loss, 'false'])
  for (const { folder } of [first, second]) rmSync(folder, { recursive: true })
})

/** Debian's and Ubuntu's, which gcc brings. */
const GOMP = `/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/libgomp.so.1`
const withGomp = existsSync(GOMP) ? test : test.skip

withGomp('another libgomp that the process has before: it is used, and the numbers are the same', async (t) => {
  const lines = await output(`
    const { openLibrary } = require(${JSON.stringify(join(installation.addon, 'loader.node'))})
    console.log(openLibrary(${JSON.stringify(GOMP)}))
    trainOnce(require('zoetrope')).then(console.log)`)
  t.deepEqual(lines, ['null', ...(await ALONE)])
})

test('processes that child_process.fork and cluster start, while the first one has the package loaded', async (t) => {
  const [loss] = await ALONE
  const forked = await output(`
    const { fork } = require('node:child_process')
    if (process.argv[2] === 'child') trainOnce(require('zoetrope')).then((loss) => process.send(loss))
    else trainOnce(require('zoetrope')).then((loss) => {
      console.log(loss)
      fork(__filename, ['child']).once('message', (message) => console.log(message))
    })`)
  t.deepEqual(forked, [loss, loss])

  const clustered = await output(`
    const cluster = require('node:cluster')
    if (cluster.isWorker) trainOnce(require('zoetrope')).then((loss) => process.send(loss, () => process.disconnect()))
    else trainOnce(require('zoetrope')).then((loss) => {
      console.log(loss)
      for (let count = 0; count < 2; count++) cluster.fork().once('message', (message) => console.log(message))
    })`)
  t.deepEqual(clustered, [loss, loss, loss])
})

/** Node 20 has the flag under its first name, and all three warn that the model is an experiment, or that addons get around it. */
const PERMISSION = Number(process.versions.node.split('.')[0]) < 22 ? '--experimental-permission' : '--permission'
const CATCH = `
  try { require('zoetrope').getNumThreads(); trainOnce(require('zoetrope')).then(console.log, ({ message }) => console.log(message)) }
  catch ({ code, details, message }) { console.log([code, details?.reason, message].join(' ')) }`

test('--permission with addons and files allowed', async (t) => {
  const flags = ['--no-warnings', PERMISSION, '--allow-addons', '--allow-fs-read=*']
  t.deepEqual(await output(CATCH, installation, flags), await ALONE)
})

test('--permission that allows reading the folder of node_modules alone', async (t) => {
  const flags = ['--no-warnings', PERMISSION, '--allow-addons']
  const { folder } = installation
  const [line] = await output(CATCH, installation, [...flags, `--allow-fs-read=${folder}/*`])
  t.deepEqual([line], await ALONE)
})

test('--permission without --allow-addons says which flag is missing', async (t) => {
  const [line] = await output(CATCH, installation, ['--no-warnings', PERMISSION, '--allow-fs-read=*'])
  t.regex(line!, /^ERR_NATIVE_LOAD addons-disabled .* where `--permission` is used, add `--allow-addons`$/)
})
