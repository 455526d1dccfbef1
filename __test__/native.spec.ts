import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { REPOSITORY, runNode } from './helpers/child'

const IMPORT_BUDGET = 250 //    milliseconds of processor time, which other programs do not count in; the aim is 60

test('importing the package loads no addon, and is cheap', async (t) => {
  const program = `
    const began = process.cpuUsage()
    const zoetrope = require('zoetrope')
    const { user, system } = process.cpuUsage(began)
    const milliseconds = (user + system) / 1000
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

test('what the addon throws is ERR_INTERNAL, from functions, methods, static methods and accessors', async (t) => {
  const program = `
    const { native } = require('./dist/native.js')
    const { NativeBatch, NativeTensorDataset, ...addon } = native()
    const calls = [
      () => addon.manualSeed('not a bigint'),
      () => NativeBatch.fromArrays(3),
      () => NativeTensorDataset.prototype.sample.call({}, 0),
      () => NativeTensorDataset.prototype.length,
    ]
    for (const call of calls) {
      try { call() } catch ({ name, code, message, cause }) { console.log(name, code, message.split(':')[0], cause instanceof Error) }
    }`
  const { stdout, stderr } = await runNode(['-e', program])
  t.is(stdout, 'ZoetropeError ERR_INTERNAL Internal error (please report it) true\n'.repeat(4), stderr)
})

test('every entry of the addon contains panics', (t) => {
  const folder = join(REPOSITORY, 'crates', 'zoetrope-napi', 'src')
  for (const file of readdirSync(folder)) {
    const source = readFileSync(join(folder, file), 'utf8')
    for (const [entry, attribute] of source.matchAll(/#\[napi(.*)\]\n(?:\s*#\[.*\]\n)*\s*pub fn \w+/g)) {
      t.regex(attribute ?? '', /catch_unwind|module_exports/, `${file}: ${entry}`)
    }
  }
})
