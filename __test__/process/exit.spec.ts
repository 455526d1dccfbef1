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
  t.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: '1\n1\n1\n1\n', stderr: '' })
})
