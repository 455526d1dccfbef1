import test from 'ava'
import { runProgram } from '../helpers/child'

const WARM_UP = 50
const CYCLES = 200
const BOUND = 40 //    MiB: leaking the parameters alone would be 280, with Adam's state 1100

test(`${CYCLES} cycles of create, train, predict, dispose grow the memory by less than ${BOUND} MiB`, async (t) => {
  const { code, stdout, stderr } = await runProgram('cycles', [String(WARM_UP), String(CYCLES)], ['--expose-gc'])
  t.is(code, 0, stderr)
  const { growth } = JSON.parse(stdout) as { growth: number }
  t.log(`${growth.toFixed(1)} MiB`)
  t.true(growth < BOUND, `${growth} MiB`)
})

const EPOCHS = 100

test(`${EPOCHS} epochs over clips in JavaScript, 4 MiB each, grow the memory by less than ${BOUND} MiB`, async (t) => {
  const { code, stdout, stderr } = await runProgram('epochs-of-arrays', ['20', String(EPOCHS)], ['--expose-gc'])
  t.is(code, 0, stderr)
  const { growth } = JSON.parse(stdout) as { growth: number }
  t.log(`${growth.toFixed(1)} MiB`)
  t.true(growth < BOUND, `${growth} MiB`)
})

const OPTIMIZERS = 100

test(`${OPTIMIZERS} optimizers that are dropped grow the memory by less than ${BOUND} MiB`, async (t) => {
  const { code, stdout, stderr } = await runProgram('optimizers', ['20', String(OPTIMIZERS)], ['--expose-gc'])
  t.is(code, 0, stderr)
  const { growth } = JSON.parse(stdout) as { growth: number }
  t.log(`${growth.toFixed(1)} MiB`)
  t.true(growth < BOUND, `${growth} MiB`) //    the state of all of them would be 280
})

const STREAMS = 20_000

test(`${STREAMS} streams that are dropped grow the memory by less than ${BOUND} MiB`, async (t) => {
  const { code, stdout, stderr } = await runProgram(
    'streams',
    ['dropped', '20', String(STREAMS / 100)],
    ['--expose-gc'],
  )
  t.is(code, 0, stderr)
  const { growth } = JSON.parse(stdout) as { growth: number }
  t.log(`${growth.toFixed(1)} MiB`)
  t.true(growth < BOUND, `${growth} MiB`) //    the state of all of them would be 160
})

const MOST_OF_PUSHES = 4 //    MiB

test(`10,000 pushes into one stream grow the memory by less than ${MOST_OF_PUSHES} MiB`, async (t) => {
  const { code, stdout, stderr } = await runProgram('streams', ['one', '20', '100'], ['--expose-gc'])
  t.is(code, 0, stderr)
  const { growth } = JSON.parse(stdout) as { growth: number }
  t.log(`${growth.toFixed(1)} MiB`)
  t.true(growth < MOST_OF_PUSHES, `${growth} MiB`)
})
