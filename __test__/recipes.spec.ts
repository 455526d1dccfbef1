/** The recipes on made-up data: that they run, choose, test once, and say what came of it. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { REPOSITORY, runNode } from './helpers/child'
import { chunk, npy, riff, wavFormat, zip } from './helpers/files'

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-recipes-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Bytes without a pattern. */
function bytes(length: number): Uint8Array {
  let state = 7
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24)
}

function targets(count: number, classes: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => index % classes)
}

async function quick(recipe: string, data: string): Promise<string> {
  const program = join(REPOSITORY, 'examples', `${recipe}.mjs`)
  const { code, stdout, stderr } = await runNode([program, '--quick', '--device', 'cpu', '--data', data])
  if (code !== 0) throw new Error(`${recipe} ended with ${code}: ${stderr}`)
  return stdout
}

const RESULT = /\d\.\d{3} ± \d\.\d{3} \(mean and deviation of 1 seeds\)\nPublished or known: /

test('lip-reading', async (t) => {
  const file = join(folder, 'clips.npz')
  const [x, y] = [npy('|u1', [60, 4, 1, 16, 16], bytes(60 * 4 * 256)), npy('|u1', [60], targets(60, 3))]
  writeFileSync(
    file,
    zip([
      { name: 'X.npy', bytes: x },
      { name: 'y.npy', bytes: y },
    ]),
  )
  const text = await quick('lip-reading', file)
  t.regex(text, /Choosing on parts of the training part that are held out, of \d+[\s\S]*Chosen: /)
  t.regex(text, RESULT)
  t.regex(text, /Frames in random order: \d/)
})

test('radar activities', async (t) => {
  const file = join(folder, 'radar.npz')
  const part = (count: number) => npy('|u1', [count, 3, 4, 16, 16], bytes(count * 3 * 1024))
  const labels = (count: number) => npy('|u1', [count], targets(count, 5).toSorted())
  writeFileSync(
    file,
    zip([
      { name: 'Xtr.npy', bytes: part(400) },
      { name: 'ytr.npy', bytes: labels(400) },
      { name: 'Xte.npy', bytes: part(10) },
      { name: 'yte.npy', bytes: labels(10) },
    ]),
  )
  t.regex(await quick('radar-activities', file), RESULT)
})

test('speakers', async (t) => {
  const names = Array.from({ length: 9 }, (_, index) => String(index + 1))
  const header = [
    '@problemName JapaneseVowels',
    '@timeStamps false',
    '@missing false',
    '@univariate false',
    '@dimensions 12',
    '@equalLength false',
    `@classLabel true ${names.join(' ')}`,
    '@data',
  ]
  const values = bytes(100_000)
  let at = 0
  const line = (_: unknown, index: number): string => {
    const series = () => Array.from({ length: 5 + (index % 3) }, () => (values[at++]! / 128 - 1).toFixed(3)).join(',')
    return `${Array.from({ length: 12 }, series).join(':')}:${names[index % 9]!}`
  }
  for (const name of ['TRAIN', 'TEST']) {
    const lines = [...header, ...Array.from({ length: 54 }, line)]
    writeFileSync(join(folder, `JapaneseVowels_${name}.ts`), `${lines.join('\n')}\n`)
  }
  t.regex(await quick('speakers', folder), RESULT)
})

/** Made-up recordings of three speakers. */
function spokenDigits(): string {
  const recordings = mkdtempSync(join(folder, 'recordings-'))
  for (const speaker of ['theo', 'nicolas', 'jackson'])
    for (let digit = 0; digit < 10; digit++)
      for (const index of [0, 5, 10]) {
        const samples = bytes(2 * (1200 + 200 * digit))
        const file = riff([chunk('fmt ', wavFormat(1, 1, 16)), chunk('data', samples)])
        writeFileSync(join(recordings, `${digit}_${speaker}_${index}.wav`), file)
      }
  return recordings
}

test('spoken digits', async (t) => {
  const recordings = spokenDigits()
  const text = await quick('spoken-digits', recordings)
  t.regex(text, /official split: \d\.\d{3}/)
  t.regex(text, /theo held out: \d\.\d{3}/)
  t.regex(await quick('connected-digits', recordings), /share of wrong digits: \d\.\d{3}/)
})

test('connected digits, written for PyTorch', async (t) => {
  const [program, task] = [join(REPOSITORY, 'examples/torch/write-task.mjs'), join(folder, 'task')]
  const written = [program, 'connected-digits', task, '--quick', '--data', spokenDigits()]
  const { code, stdout, stderr } = await runNode(written)
  t.is(code, 0, stderr)
  t.regex(stdout, /Wrote 40 and 40 lines/)
  const { parts, epochs, learningRate } = JSON.parse(readFileSync(join(task, 'task.json'), 'utf8')) as WrittenTask
  t.deepEqual([epochs, learningRate, parts.train.shape], [14, 2e-3, [40]])
  const frames = parts.train.lengths.reduce((sum, length) => sum + length, 0)
  t.is(readFileSync(join(task, 'train.bin')).length, 4 * 40 * frames)
  t.true(parts.train.targets.every((labels) => labels.length >= 2 && labels.length <= 5))
  t.deepEqual(readdirSync(task).filter((name) => name.startsWith('untrained')).length, 3)
})

interface WrittenTask {
  readonly epochs: number
  readonly learningRate: number
  readonly parts: {
    readonly train: { readonly shape: number[]; readonly lengths: number[]; readonly targets: number[][] }
  }
}

test('early answers', async (t) => {
  const text = await quick('early-answers', spokenDigits())
  t.regex(text, /Chosen: last\nListening to "zero", \d+ frames:\n {2}from frame 1: \w+, /)
  t.regex(text, /after 100 % of a recording: \d\.\d{3} ± 0\.000/)
})

test('piano rolls', async (t) => {
  const rolls = mkdtempSync(join(folder, 'rolls-'))
  const part = (name: string, count: number) => [
    {
      name: `${name}.npy`,
      bytes: npy(
        '|u1',
        [count, 6, 88],
        bytes(count * 6 * 88).map((byte) => byte & 1),
      ),
    },
    {
      name: `${name}_lengths.npy`,
      bytes: npy(
        '|u1',
        [count],
        bytes(count).map((byte) => 3 + (byte % 4)),
      ),
    },
  ]
  const file = zip([...part('train', 9), ...part('valid', 3), ...part('test', 3)])
  for (const name of ['jsb-chorales', 'nottingham']) writeFileSync(join(rolls, `${name}.npz`), file)
  const result = /next step: \d+\.\d{3} ± \d\.\d{3} \(mean and deviation of 1 seeds\)\nPublished or known: LSTM/
  for (const recipe of ['chorales', 'nottingham']) t.regex(await quick(recipe, rolls), result)
})

test('the next frames of moving digits, and a strip of them', async (t) => {
  const program = join(REPOSITORY, 'examples', 'next-frames.mjs')
  const file = join(folder, 'strip.png')
  const { code, stdout, stderr } = await runNode([program, '--tiny', '--device', 'cpu', '--save', file])
  t.is(code, 0, stderr)
  t.regex(stdout, /persistence: rmse \d\.\d{4}[\s\S]*Error over persistence's: \d\.\d{3}/)
  t.deepEqual([...readFileSync(file).subarray(1, 4)], [0x50, 0x4e, 0x47])
})

test('data that is not there is a reason to skip, printed', async (t) => {
  const program = join(REPOSITORY, 'examples', 'speakers.mjs')
  const { code, stdout } = await runNode([program, '--data', join(folder, 'nowhere')])
  t.is(code, 0)
  t.regex(stdout, /^Skipped: .* is not /)
})
