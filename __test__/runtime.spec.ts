import test from 'ava'
import { CnnLstm, getNumThreads, isCudaAvailable, manualSeed, setNumThreads } from 'zoetrope'
import { refuses, untyped } from './helpers/expect'
import { TOY_OPTIONS } from './helpers/toy'

test.serial('manualSeed seeds models that have no seed of their own', async (t) => {
  const draw = async (): Promise<string> => {
    await using model = await CnnLstm.create({ ...TOY_OPTIONS, seed: undefined })
    return JSON.stringify([...(await model.stateDict())])
  }
  manualSeed(3)
  const [first, second] = [await draw(), await draw()]
  manualSeed(3n)
  t.is(await draw(), first)
  t.is(await draw(), second)
  t.not(first, second)
  await using seeded = await CnnLstm.create({ ...TOY_OPTIONS, seed: 3 })
  t.is(JSON.stringify([...(await seeded.stateDict())]), first, 'the same stream as seed: 3')
})

test.serial('the number of threads can be set and read', (t) => {
  setNumThreads(1)
  t.is(getNumThreads(), 1)
  setNumThreads(2)
  t.is(getNumThreads(), 2)
})

test('isCudaAvailable is a boolean', (t) => {
  t.is(typeof isCudaAvailable(), 'boolean')
})

test('wrong arguments are refused', async (t) => {
  await refuses(t, TypeError, /for `seed`, received undefined$/, () => manualSeed(untyped(undefined)))
  await refuses(t, RangeError, /for `seed`, received 0.5$/, () => manualSeed(0.5))
  await refuses(t, RangeError, /for `seed`, received -1n$/, () => manualSeed(-1n))
  await refuses(t, RangeError, /^Expected an integer from 1 to 1024 for `count`, received 0$/, () => setNumThreads(0))
  await refuses(t, RangeError, /for `count`, received NaN$/, () => setNumThreads(NaN))
  await refuses(t, TypeError, /for `count`, received '2'$/, () => setNumThreads(untyped('2')))
})
