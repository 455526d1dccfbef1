import test from 'ava'
import { runNode } from './helpers/child'

const IMPORT_BUDGET = 250 //    milliseconds; the aim is 60, the rest is for busy machines

test('importing the package loads no addon, and is cheap', async (t) => {
  const program = `
    const began = performance.now()
    const zoetrope = require('zoetrope')
    const milliseconds = performance.now() - began
    const addons = () => process.report.getReport().sharedObjects.filter((path) => /torch|zoetrope.*\\.node/.test(path))
    const before = addons()
    zoetrope.getNumThreads()
    console.log(JSON.stringify({ milliseconds, before, after: addons().length }))`
  const { code, stdout, stderr } = await runNode(['-e', program])
  t.is(code, 0, stderr)
  const { milliseconds, before, after } = JSON.parse(stdout) as {
    milliseconds: number
    before: string[]
    after: number
  }
  t.deepEqual(before, [])
  t.true(after > 0)
  t.true(milliseconds < IMPORT_BUDGET, `${milliseconds} ms`)
})

test('a failure of loading rejects what is a promise, with the cause', async (t) => {
  const program = `
    const { CnnLstm } = require('zoetrope')
    CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, numClasses: 2 }).catch(({ code, cause, details }) =>
      console.log(JSON.stringify({ code, cause: cause.code, reason: details.reason })))`
  const { code, stdout, stderr } = await runNode(['--no-addons', '-e', program])
  t.is(code, 0, stderr)
  t.deepEqual(JSON.parse(stdout), { code: 'ERR_NATIVE_LOAD', cause: 'ERR_DLOPEN_DISABLED', reason: 'addons-disabled' })
})
