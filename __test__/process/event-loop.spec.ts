import test from 'ava'
import { runProgram } from '../helpers/child'

const BOUND = 50 //    milliseconds; the aim is 20 on an idle machine, the benchmark reports it

test(`the event loop's delay stays below ${BOUND} ms (p99) while training at full speed`, async (t) => {
  const { code, stdout, stderr } = await runProgram('event-loop')
  t.is(code, 0, stderr)
  const { seconds, p99, max } = JSON.parse(stdout) as { seconds: number; p99: number; max: number }
  t.log(`p99 ${p99.toFixed(1)} ms, at most ${max.toFixed(1)} ms in ${seconds.toFixed(1)} s of training`)
  t.true(p99 < BOUND, `${p99} ms`)
})
