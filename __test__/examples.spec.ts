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

test("README's examples run as printed", async (t) => {
  const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8')
  const examples = Array.from(readme.matchAll(/```js\n([\s\S]*?)```/g), ([, code]) => code ?? '')
  const folder = insideRepository(t)
  const said: string[] = []
  for (const [index, code] of examples.entries()) {
    writeFileSync(join(folder, `example-${index}.mjs`), code)
    const { code: status, stdout, stderr } = await runNode([`example-${index}.mjs`], {}, folder)
    t.is(status, 0, stderr)
    said.push(stdout.trim())
  }
  t.is(said.length, 2)
  t.is(said[0], '1\nleft')
  t.regex(said[1]!, /^info {4}overfits-one-batch: [\s\S]*\n3$/)
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
