import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { REPOSITORY, runNode } from './helpers/child'

/** A folder inside the repository, so that a program in it finds the package by its name. */
function insideRepository(t: { teardown: (end: () => void) => void }): string {
  const folder = mkdtempSync(join(REPOSITORY, 'build', 'example-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

test("README's example runs as printed", async (t) => {
  const [, code] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'README.md'), 'utf8')) ?? []
  const folder = insideRepository(t)
  writeFileSync(join(folder, 'example.mjs'), code ?? '')
  const { code: status, stdout, stderr } = await runNode(['example.mjs'], {}, folder)
  t.is(status, 0, stderr)
  t.deepEqual(stdout.trim().split('\n'), ['1', 'left'])
})

test('the main job runs on tiny data and saves both models', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zoetrope-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const main = join(REPOSITORY, 'examples', 'main.mjs')
  const { code, stdout, stderr } = await runNode([main, '--tiny', '--save', folder])
  t.is(code, 0, stderr)
  t.regex(stdout, /MNIST, accuracy on the test digits/)
  t.regex(stdout, /Motion, with the frames shuffled/)
  for (const name of ['mnist', 'motion'])
    t.true(readFileSync(join(folder, `zoetrope-${name}.safetensors`)).length > 1000)
})
