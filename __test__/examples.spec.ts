import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test from 'ava'
import { REPOSITORY, runNode } from './helpers/child'

/** A folder inside the repository, so that a program in it finds the package by its name. */
function insideRepository(t: { teardown: (end: () => void) => void }): string {
  mkdirSync(join(REPOSITORY, 'build'), { recursive: true })
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

/** The programs after `@example` in the doc comments of `src/`, by the name of their source file. */
function documentedPrograms(): [name: string, code: string][] {
  const programs: [string, string][] = []
  for (const file of readdirSync(join(REPOSITORY, 'src'), { recursive: true, encoding: 'utf8' }).toSorted()) {
    if (!file.endsWith('.ts')) continue
    const source = readFileSync(join(REPOSITORY, 'src', file), 'utf8')
    const blocks = source.matchAll(/^ *\* @example.*\n *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm)
    for (const [, block = ''] of blocks) {
      programs.push([`${basename(file, '.ts')}-${programs.length}`, block.replaceAll(/^ *\* ?/gm, '')])
    }
  }
  return programs
}

test('the examples of doc comments compile, strictly, and run', async (t) => {
  const folder = insideRepository(t)
  const programs = documentedPrograms()
  t.deepEqual(
    programs.map(([name]) => name.replace(/-\d+$/, '')),
    [
      'data-loader',
      'dataset',
      'windows',
      'ctc',
      'write-strings',
      'accuracy-by-frames',
      'folder-dataset',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'cnn-lstm',
      'write',
      'fit',
      'train',
    ],
  )
  for (const [name, code] of programs) writeFileSync(join(folder, `${name}.mts`), code)
  const compilerOptions = { rootDir: '.', outDir: '.', declaration: false, noEmitOnError: true }
  const extending = { extends: join(REPOSITORY, 'tsconfig.json'), compilerOptions, include: ['*.mts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(extending))
  const compiler = join(REPOSITORY, 'node_modules', 'typescript', 'bin', 'tsc')
  const compiled = await runNode([compiler, '--project', folder], {}, folder)
  t.is(compiled.code, 0, compiled.stdout)
  for (const [name, program] of programs) {
    const { code, stdout, stderr } = await runNode([`${name}.mjs`], {}, folder)
    t.deepEqual({ name, code, stderr }, { name, code: 0, stderr: '' })
    if (!program.includes('export ')) t.not(stdout, '', `${name} prints something`) //   others need files of the user's
  }
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

test('lines of handwritten digits are read on tiny data', async (t) => {
  const program = join(REPOSITORY, 'examples', 'digit-lines.mjs')
  const { code, stdout, stderr } = await runNode([program, '--quick', '--device', 'cpu'])
  t.is(code, 0, stderr)
  t.regex(stdout, /share of wrong digits: \d\.\d{3} ± /)
})

test('clips of handwritten digits are written in reverse and sorted, on tiny data', async (t) => {
  const program = join(REPOSITORY, 'examples', 'digit-sequences.mjs')
  const { code, stdout, stderr } = await runNode([program, '--quick', '--device', 'cpu'])
  t.is(code, 0, stderr)
  for (const task of ['reversal', 'sorting'])
    t.regex(stdout, new RegExp(`${task}, exact strings of known digits: \\d\\.\\d{3} ± `))
})
