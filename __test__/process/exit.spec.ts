import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { runProgram } from '../helpers/child'

const CRASH = /terminate called|panicked|Segmentation|Aborted|core dumped|FATAL/

test('a process ends by itself after training, with and without dispose', async (t) => {
  for (const args of [[], ['dispose']]) {
    const { code, signal, stdout, stderr } = await runProgram('train-and-end', args)
    t.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: 'trained 64\n', stderr: '' })
  }
})

test('process.exit in the middle of a step ends with its code and no crash', async (t) => {
  for (let count = 0; count < 3; count++) {
    const { code, signal, stdout, stderr } = await runProgram('exit-in-step')
    t.deepEqual({ code, signal, stdout, stderr }, { code: 7, signal: null, stdout: 'leaving\n', stderr: '' })
  }
})

test('an uncaught error in the middle of a step ends with code 1 and no crash', async (t) => {
  const { code, signal, stderr } = await runProgram('throw-in-step')
  t.deepEqual({ code, signal }, { code: 1, signal: null })
  t.regex(stderr, /nobody catches this/)
  t.notRegex(stderr, CRASH)
})

test('a worker thread that is terminated in the middle of a step takes nothing with it', async (t) => {
  const { code, signal, stdout, stderr } = await runProgram('terminate-worker')
  t.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: '1\n'.repeat(12), stderr: '' })
})

test('a process ends by itself with streams that were not disposed of, and at once by process.exit', async (t) => {
  for (const [args, code] of [
    [[], 0],
    [['exit'], 7],
  ] as const) {
    const ending = await runProgram('exit-with-streams', [...args])
    t.deepEqual(ending, { code, signal: null, stdout: '', stderr: '' })
  }
})

const RUNS = 10
for (const [way, what] of Object.entries({
  callback: 'process.exit in a callback',
  throw: 'an earlier listener of exit that throws',
  remove: "removeAllListeners('exit')",
  nested: 'process.reallyExit in an earlier listener of exit',
  really: 'process.reallyExit in a callback',
  first: 'process.reallyExit in the first step',
})) {
  test(`${what}, in the middle of a step, ends with its code and no crash`, async (t) => {
    for (let run = 0; run < RUNS; run++) {
      const { code, signal, stderr } = await runProgram('exit-listeners', [way])
      t.deepEqual({ code, signal }, { code: 7, signal: null }, stderr)
      t.notRegex(stderr, CRASH)
    }
  })
}

test('process.exit while worker threads train ends with its code and no crash', async (t) => {
  for (let run = 0; run < RUNS; run++) {
    const { code, signal, stdout, stderr } = await runProgram('exit-beside-worker')
    t.deepEqual({ code, signal, stdout, stderr }, { code: 7, signal: null, stdout: '', stderr: '' })
  }
})

test('work that waits for the thread beside the models is dropped at process.exit, not finished', async (t) => {
  for (const way of ['listen', 'remove']) {
    const begin = performance.now()
    const { code, signal, stdout, stderr } = await runProgram('exit-with-helper-work', [way])
    t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' })
    const all = performance.now() - begin //    from the start of Node; the jobs alone would take 2000 times one
    t.true(all < 500 * Number(stdout), `${all} ms, one job takes ${stdout}`)
  }
})

test('process.exit does not wait for a file that never ends', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zoetrope-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const way of ['listen', 'remove']) {
    const { code, signal, stderr } = await runProgram('exit-while-reading', [pipe, way])
    t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' })
  }
})
