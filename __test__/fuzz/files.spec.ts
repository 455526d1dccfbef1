import test from 'ava'
import { fuzz } from './fuzzer'

const COUNT = 500 //    `npm run fuzz` reads 10,000

test(`${COUNT} damaged files are read, or refused by name`, async (t) => {
  t.deepEqual(await fuzz('files', 1, COUNT), [])
})
