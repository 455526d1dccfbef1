import test from 'ava'
import { Fuzzer, fuzz } from './fuzzer'

const COUNT = 400 //    `npm run fuzz` makes 20,000

test.serial('every target works with arguments as they should be', async (t) => {
  const fuzzer = await Fuzzer.open('calls', 1)
  t.deepEqual(await fuzzer.broken(), [])
  fuzzer.close()
})

test.serial(`${COUNT} hostile calls work, or fail with a typed error in plain words`, async (t) => {
  t.deepEqual(await fuzz('calls', 1, COUNT), [])
})
