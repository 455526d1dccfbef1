import test from 'ava'
import { runNode } from '../helpers/child'

/** Loads the addon, then prints what the environment says and what a child process would get. */
const PROGRAM = `
  const { getNumThreads } = require('zoetrope')
  getNumThreads()
  const child = require('node:child_process').execFileSync(process.execPath, ['-p', 'process.env.GOMP_SPINCOUNT'])
  console.log(process.env.GOMP_SPINCOUNT, String(child).trim())`

const UNSET = { GOMP_SPINCOUNT: undefined, OMP_WAIT_POLICY: undefined }

/** libgomp itself says on standard error with which settings it came up. */
async function load(env: NodeJS.ProcessEnv): Promise<{ spins: string | undefined; stdout: string }> {
  const { stdout, stderr } = await runNode(['-e', PROGRAM], { ...UNSET, OMP_DISPLAY_ENV: 'VERBOSE', ...env })
  return { spins: /GOMP_SPINCOUNT = '(\d+)'/.exec(stderr)?.[1], stdout }
}

test('threads without work wait briefly; the environment is left as it was', async (t) => {
  t.deepEqual(await load({}), { spins: '20000', stdout: 'undefined undefined\n' })
})

test("a user's own choice of how threads wait stands", async (t) => {
  t.deepEqual(await load({ GOMP_SPINCOUNT: '77' }), { spins: '77', stdout: '77 77\n' })
  t.deepEqual(await load({ OMP_WAIT_POLICY: 'PASSIVE' }), { spins: '0', stdout: 'undefined undefined\n' })
})
