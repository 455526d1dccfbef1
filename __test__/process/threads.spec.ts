import { availableParallelism } from 'node:os'
import test from 'ava'
import { runNode, runProgram } from '../helpers/child'

/** Prints how many threads are used after `setNumThreads(1000)`, and how many the process has before and after. */
const PROGRAM = `
  const { getNumThreads, setNumThreads } = require('zoetrope')
  const threads = () => require('node:fs').readdirSync('/proc/self/task').length
  getNumThreads()
  const before = threads()
  setNumThreads(1000)
  console.log(JSON.stringify({ used: getNumThreads(), more: threads() - before }))`

test('setNumThreads counts at most the cores, and makes no thread itself', async (t) => {
  const { stdout, stderr } = await runNode(['-e', PROGRAM], { OMP_NUM_THREADS: undefined })
  t.deepEqual(JSON.parse(stdout), { used: availableParallelism(), more: 0 }, stderr)
})

/** Prints the cores that each thread of the process may use, before and after many pauses and calls. */
const CALLS = `
  const { readdirSync, readFileSync } = require('node:fs')
  const { CnnLstm } = require('zoetrope')
  const cores = () => {
    const statuses = readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/status', 'utf8'))
    return [...new Set(statuses.map((status) => /Cpus_allowed_list:\\s*(\\S+)/.exec(status)[1]))]
  }
  const run = async () => {
    const before = cores()
    const model = await CnnLstm.create({ input: { features: 32 }, numClasses: 2, cnn: [], lstm: { hiddenSize: 64 }, device: 'cpu' })
    const inputs = { data: new Float32Array(8 * 20 * 32), shape: [8, 20, 32] }
    for (let call = 0; call < 50; call++) {
      await model.logits(inputs)
      const until = performance.now() + 1
      while (performance.now() < until);
    }
    console.log(JSON.stringify({ before, after: cores() }))
    await model.dispose()
  }
  run()`

test('bringing threads together leaves each of them allowed on every core', async (t) => {
  const { stdout, stderr } = await runNode(['-e', CALLS], { OMP_NUM_THREADS: undefined })
  const { before, after } = JSON.parse(stdout) as { before: string[]; after: string[] }
  t.is(before.length, 1, stderr)
  t.deepEqual(after, before, stderr)
})

const byRoot = process.getuid?.() === 0 ? test : test.skip //    who else cannot become somebody else
byRoot('where the system refuses threads, calls reject with ERR_OUT_OF_MEMORY and the model goes on', async (t) => {
  const { code, signal, stdout, stderr } = await runProgram('threads-refused', [], [], {
    under: ['prlimit', '--nproc=1'],
  })
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  const refused = /^ERR_OUT_OF_MEMORY: Out of memory: the system refused a thread \(/
  const [create, logMel, threads, step, alone] = stdout.split('\n')
  t.regex(create ?? '', refused)
  t.regex(logMel ?? '', refused)
  t.is(threads, `${availableParallelism()} threads`)
  if (availableParallelism() > 1) t.regex(step ?? '', refused)
  t.is(alone, 'done')
})
