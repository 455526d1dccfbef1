/** `zoetrope train` and what follows it, on files that the test makes. */
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { CnnLstm, DataLoader, FolderDataset, test as testModel } from 'zoetrope'
import { withBrowser } from '../helpers/browser'
import { tone, wav as wavFile } from '../helpers/clips'
import { REPOSITORY, runNode } from '../helpers/child'
import { writeWords } from '../helpers/words'
import type { Ending } from '../helpers/child'

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-train-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const MAIN = join(REPOSITORY, 'dist', 'cli', 'main.js')
const words = writeWords(join(folder, 'words'))
const SMALL = ['--epochs', '6', '--threads', '1', '--hidden-size', '16', '--blocks', '16', '--device', 'cpu']

const zoetrope = async (...args: string[]): Promise<Ending> => runNode([MAIN, ...args], { OMP_NUM_THREADS: '1' })

/** Lines of JSON by the names of their events; of several the last. */
function events({ stdout }: Ending): Record<string, Record<string, unknown>> {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return Object.fromEntries(
    lines.map((line) => {
      const facts = JSON.parse(line) as { event: string }
      return [facts.event, facts]
    }),
  )
}

/** A folder of its own for what a test writes. */
const place = (name: string): string => {
  const made = join(folder, name)
  mkdirSync(made)
  return made
}

test.serial('a folder becomes a model, a report, a configuration and event files', async (t) => {
  const out = join(place('whole'), 'words.safetensors')
  const logs = join(folder, 'runs')
  const ending = await zoetrope('train', words, '--out', out, '--logs', logs, '--json', ...SMALL)
  t.is(ending.code, 0, ending.stderr)
  const { data, epoch, saved, report, end, test: tested } = events(ending)
  t.like(data, { kind: 'sound', clips: 75, classes: ['high', 'low', 'middle'], parts: { train: 60, validation: 15 } })
  t.regex(String(data!.rule), /^split by group/)
  t.like(saved, { model: out })
  t.true(Number(epoch!.epoch) <= 6)
  t.is(tested!.samples, 15)
  t.true(Number(tested!.accuracy) >= 0.8)
  const page = readFileSync(String(report!.report), 'utf8')
  t.true(page.includes('npx zoetrope train --config') && page.includes('words.run.json'))
  // Tones of two speakers are alike, and the report says so; no group is in both parts.
  t.regex(page, /The parts share \d+ near-identical clips: figures may be too good/)
  t.deepEqual(readdirSync(logs).toSorted(), ['train', 'validation'])
  t.true(existsSync(String(end!.config)))
  await using model = await CnnLstm.load(out)
  t.deepEqual(model.classes, ['high', 'low', 'middle'])
})

test.serial('the configuration that was written repeats the run, to the bit', async (t) => {
  const first = join(place('first'), 'words.safetensors')
  const ran = await zoetrope('train', words, '--out', first, '--no-report', '--seed', '3', '-q', ...SMALL)
  t.is(ran.code, 0, ran.stderr)
  t.is(ran.stdout, '')
  const config = join(folder, 'first', 'words.run.json')
  const resolved = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>
  t.like(resolved, { data: words, out: first, seed: 3, epochs: 6, blocks: [16], learningRate: 0.002, report: false })
  const second = join(place('second'), 'words.safetensors')
  const again = await zoetrope('train', '--config', config, '--out', second, '-q')
  t.is(again.code, 0, again.stderr)
  t.deepEqual(readFileSync(second), readFileSync(first))
})

test.serial('people get a table, one row for each epoch, and where everything is', async (t) => {
  const out = join(place('told'), 'model.safetensors')
  const { code, stdout, stderr } = await zoetrope('train', words, '-o', out, ...SMALL, '--epochs', '2')
  t.is(code, 0, stderr)
  t.regex(stdout, /75 clips of kind 'sound' in 3 classes/)
  t.regex(stdout, /epoch {2}.*loss {2}.*accuracy {2}.*val loss {2}.*val accuracy/)
  t.regex(stdout, /^ +1 .* s +\*$/m)
  t.regex(stdout, /^ +2 .* s/m)
  t.regex(stdout, /^validation: accuracy [\d.]+ % .* of 15 clips, loss /m)
  for (const said of [`Model: ${out}`, 'Report: ', 'Again: npx zoetrope train --config '])
    t.true(stdout.includes(said), said)
})

test.serial('an interrupt keeps the best weights and says where; the exit status is 130', async (t) => {
  const out = join(place('stopped'), 'model.safetensors')
  const args = [MAIN, 'train', words, '-o', out, '--json', ...SMALL, '--epochs', '100000', '--patience', '100000']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const seen: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const { event } = JSON.parse(line) as { event: string }
    seen.push(event)
    if (event === 'epoch' && !child.killed) child.kill('SIGINT')
  }
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)))
  t.is(code, 130, stderr)
  t.deepEqual(seen.slice(-4), ['saved', 'test', 'report', 'interrupted'])
  t.true(stderr.includes(`the best weights are in ${out}`), stderr)
  const page = readFileSync(out.replace('.safetensors', '.report.html'), 'utf8')
  t.regex(page, /stopped after \d+ of 100000 epochs/)
  await using model = await CnnLstm.load(out)
  t.is(model.numClasses, 3)
})

test.serial('a second interrupt ends the process at once, whatever it is doing', async (t) => {
  const interrupt = join(REPOSITORY, 'dist', 'cli', 'interrupt.js')
  const program = `
    const { Interrupt } = require(${JSON.stringify(interrupt)})
    const { signal } = new Interrupt(() => console.log('told'))
    signal.addEventListener('abort', () => process.kill(process.pid, 'SIGINT'))
    process.kill(process.pid, 'SIGINT')
    setInterval(() => {}, 1e9) //        never ends by itself
  `
  t.like(await runNode(['-e', program]), { code: 130, signal: null, stdout: 'told\n' })

  // Of a run that would go on to save its weights and to write its report: the second one comes with the word of the first.
  const out = join(place('twice'), 'model.safetensors')
  const hook = join(folder, 'hook.cjs')
  writeFileSync(
    hook,
    `const { write } = process.stderr
    process.stderr.write = function (text, ...rest) {
      if (String(text).includes('Ctrl-C again ends at once')) process.kill(process.pid, 'SIGINT')
      return write.call(this, text, ...rest)
    }`,
  )
  const args = ['--require', hook, MAIN, 'train', words, '-o', out, '--json', ...SMALL]
  const endless = ['--epochs', '100000', '--patience', '100000']
  const child = spawn(process.execPath, [...args, ...endless], { stdio: ['ignore', 'pipe', 'ignore'] })
  const seen: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const { event } = JSON.parse(line) as { event: string }
    seen.push(event)
    if (event === 'epoch' && !child.killed) child.kill('SIGINT')
  }
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)))
  t.is(code, 130)
  t.false(seen.includes('report') || seen.includes('interrupted'), seen.join(', '))
})

test.serial('strings of labels of a manifest train a model that reads them', async (t) => {
  const names = ['low', 'middle', 'high'] as const
  const tones = { low: 400, middle: 1000, high: 2400 }
  const home = place('strings')
  const rows = Array.from({ length: 120 }, (_, at) => {
    const labels = Array.from(
      { length: 1 + (at % 3) },
      (_label, order) => names[(at * 7 + order * (1 + (at % 2))) % 3]!,
    )
    const samples = labels.flatMap((label) => [...tone(tones[label], 0.12), ...tone(0, 0.08)])
    writeFileSync(join(home, `${at}.wav`), wavFile(samples))
    return `${at}.wav,${labels.join(' ')}`
  })
  writeFileSync(join(home, 'strings.csv'), `path,target\n${rows.join('\n')}\n`)
  const out = join(home, 'model.safetensors')
  const args = [
    '--threads',
    '1',
    '--hidden-size',
    '32',
    '--blocks',
    '32',
    '--epochs',
    '40',
    '--batch-size',
    '8',
    '--device',
    'cpu',
  ]
  const ending = await zoetrope('train', join(home, 'strings.csv'), '-o', out, '--json', ...args)
  t.is(ending.code, 0, ending.stderr)
  const { data, test: tested, report } = events(ending)
  t.like(data, { classes: ['high', 'low', 'middle'], values: { best: 'cer' } })
  t.true(Number(tested!.cer) < 0.1, String(tested!.cer))
  t.true(readFileSync(String(report!.report), 'utf8').length > 1000)
  await using model = await CnnLstm.load(out, { device: 'cpu' })
  t.is(model.config.head.kind, 'ctc')
  const predicted = await zoetrope('predict', out, join(home, '2.wav'), '--json')
  const { answer } = events(predicted)
  t.deepEqual((answer as { labels: string[] }).labels.length, 3)
  t.regex((await zoetrope('predict', out, join(home, '2.wav'))).stdout, /2\.wav: (low|middle|high) .* \([\d.]+ %\)/)
  const again = await zoetrope('test', out, join(home, 'strings.csv'), '--device', 'cpu')
  t.regex(again.stdout, /^test: errors [\d.]+ % of the labels, [\d.]+ % of the strings right of 120 clips/m)
})

test.serial('`test` gives the library’s figures, and the report of it the same', async (t) => {
  const out = join(place('tested'), 'model.safetensors')
  const trained = await zoetrope('train', words, '-o', out, '-q', '--no-report', ...SMALL)
  t.is(trained.code, 0, trained.stderr)
  const other = writeWords(join(folder, 'other'), { speakers: ['finn', 'gita'], each: 3 })
  const report = join(folder, 'tested', 'test.html')
  const ending = await zoetrope('test', out, other, '--json', '--report', report, '--device', 'cpu')
  t.is(ending.code, 0, ending.stderr)
  const { test: told } = events(ending)
  await using model = await CnnLstm.load(out, { device: 'cpu' })
  await using dataset = await FolderDataset.open(other, { print: false })
  const { accuracy, loss, confusionMatrix } = await testModel(model, new DataLoader(dataset, { batchSize: 16 }))
  t.like(told, { samples: 18, accuracy, loss, confusionMatrix })
  t.true(readFileSync(report, 'utf8').includes(`${(accuracy * 100).toFixed(1)} %`))
  const text = await zoetrope('test', out, other)
  t.regex(text.stdout, /^test: accuracy [\d.]+ % of 18 clips/m)
  t.regex(text.stdout, /^ {2}low +recall /m)

  // Answers about files are those of `predictFile`.
  const file = join(other, 'low', 'finn_0.wav')
  const [prediction] = await model.predictFile(file)
  const predicted = await zoetrope('predict', out, file, join(other, 'none.wav'), '--json')
  t.is(predicted.code, 1)
  t.true(predicted.stderr.includes('none.wav'))
  const { answer, failed } = events(predicted)
  t.like(answer, { file, label: prediction!.label })
  const { probabilities } = answer as { probabilities: Record<string, number> }
  t.deepEqual(Object.values(probabilities), [...prediction!.probabilities])
  t.like(failed, { file: join(other, 'none.wav') })
  const said = await zoetrope('predict', out, file)
  t.regex(said.stdout, /finn_0\.wav: (low|middle|high) [\d.]+ % \(/)

  const inspected = await zoetrope('inspect', out, '--json')
  t.like(events(inspected).model, { classes: ['high', 'low', 'middle'] })
  const looked = await zoetrope('inspect', other, '--json')
  t.like(events(looked).folder, { clips: 18, kind: 'sound', counts: [6, 6, 6], lengths: { longest: 31 } })
})

test.serial('`predict --watch` answers what is there and what comes, each once it is whole', async (t) => {
  const out = join(place('watched'), 'model.safetensors')
  const trained = await zoetrope('train', words, '-o', out, '-q', '--no-report', ...SMALL, '--epochs', '1')
  t.is(trained.code, 0, trained.stderr)
  const inbox = place('inbox')
  copyFileSync(join(words, 'low', 'anna_0.wav'), join(inbox, 'first.wav'))
  const child = spawn(process.execPath, [MAIN, 'predict', out, '--watch', inbox, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] }) // prettier-ignore
  const seen: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, file } = JSON.parse(line) as { event: string; file: string }
    seen.push(`${event} ${basename(file)}`)
    if (seen.length === 1) {
      writeFileSync(join(inbox, '.hidden.wav'), 'no')
      writeFileSync(join(inbox, 'broken.wav'), 'RIFF')
    }
    if (seen.length === 2) copyFileSync(join(words, 'high', 'ben_0.wav'), join(inbox, 'second.wav'))
    if (seen.length === 3) child.kill('SIGINT')
  }
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)))
  t.is(code, 1) //                                      one could not be answered
  t.deepEqual(seen, ['answer first.wav', 'failed broken.wav', 'answer second.wav'])
})

test.serial('a model of arrays alone says that it cannot read files', async (t) => {
  const out = join(place('arrays'), 'model.safetensors')
  await using model = await CnnLstm.create({ input: { features: 2 }, numClasses: 2, device: 'cpu' })
  await model.save(out)
  for (const args of [
    ['predict', out, 'x.wav'],
    ['test', out, words],
  ]) {
    const { code, stderr } = await zoetrope(...args)
    t.is(code, 1)
    t.regex(stderr, /does not know how its inputs are made of files/)
  }
})

test.serial('numbers of a manifest are a regression', async (t) => {
  const manifest = join(words, '..', 'numbers.csv')
  const rows = ['low', 'middle', 'high'].flatMap((name, target) =>
    ['anna', 'ben', 'cleo', 'dora', 'emil'].flatMap((speaker) =>
      [0, 1, 2].map((index) => `words/${name}/${speaker}_${index}.wav,${target},${speaker}`),
    ),
  )
  writeFileSync(manifest, `path,target,group\n${rows.join('\n')}\n`)
  const out = join(place('regression'), 'model.safetensors')
  const ending = await zoetrope('train', manifest, '-o', out, '--json', ...SMALL)
  t.is(ending.code, 0, ending.stderr)
  const { test: tested, report } = events(ending)
  t.is(typeof tested!.mae, 'number')
  t.true(readFileSync(String(report!.report), 'utf8').includes('Residuals'))
  const predicted = await zoetrope('predict', out, join(words, 'high', 'anna_0.wav'), '--json')
  t.is((events(predicted).answer as { values: number[] }).values.length, 1)
})

withBrowser('the live page of a run stops it', async (t, open) => {
  const out = join(place('live'), 'model.safetensors')
  const args = [MAIN, 'train', words, '-o', out, '--watch', '--json', ...SMALL, '--epochs', '100000', '--patience', '100000'] // prettier-ignore
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = ''
  const stop = async (address: string): Promise<void> => {
    const { page, problems } = await open(address)
    await page.locator('#charts svg').nth(1).waitFor()
    await page.click('#stop')
    t.deepEqual(problems, [])
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, address } = JSON.parse(line) as { event: string; address?: string }
    last = event
    if (event !== 'live') continue
    stop(address!).catch((error: unknown) => {
      t.fail(String(error))
      child.kill()
    })
  }
  t.is(last, 'interrupted')
  t.true(existsSync(out))
})

for (const [name, make, message] of [
  ['a folder that is not there', () => join(folder, 'nowhere'), /ENOENT.*nowhere/],
  ['a folder without clips', () => place('empty'), /Expected .*clips/i],
  ['one class', () => writeWords(join(folder, 'one'), { classes: ['low'] }), /at least two classes in '.*one', received one \('low'\): put the clips of each class into a folder/], // prettier-ignore
  ['two clips', () => writeWords(join(folder, 'two'), { classes: ['low', 'high'], speakers: ['anna'], each: 1 }), /at least two clips of each class.*received one of 'high'/], // prettier-ignore
  [
    'a class that one group has alone',
    () => {
      writeWords(join(folder, 'alone'), { classes: ['low'], speakers: ['anna'] })
      return writeWords(join(folder, 'alone'), { classes: ['high'], speakers: ['ben'] })
    },
    /received none of '(high|low)'.*`--group clip`/,
  ],
  [
    'clips of several kinds',
    () => {
      const made = writeWords(join(folder, 'kinds'))
      writeFileSync(join(made, 'low', 'table.csv'), '1\n2\n')
      return made
    },
    /one kind in '.*kinds', received .* of 'sound' .* and 1 of 'table' .*`kind` says which are taken/,
  ],
  [
    'a file that cannot be read',
    () => {
      const made = writeWords(join(folder, 'broken'))
      writeFileSync(join(made, 'low', 'anna_1.wav'), 'RIFF')
      return made
    },
    /anna_1\.wav/,
  ],
] as const) {
  test.serial(`told with what to do: ${name}`, async (t) => {
    const out = join(place(`never ${name}`), 'model.safetensors')
    const { code, stderr } = await zoetrope('train', make(), '-o', out, '-q', ...SMALL)
    t.is(code, 1)
    t.regex(stderr, message)
    t.is(stderr.trim().split('\n').length, 1, stderr)
    t.false(existsSync(out))
  })
}

test.serial('of clips of several kinds those that are asked for', async (t) => {
  const made = writeWords(join(folder, 'chosen'))
  writeFileSync(join(made, 'low', 'table.csv'), '1\n2\n')
  const inspected = await zoetrope('inspect', made, '--kind', 'sound', '--json')
  t.is(inspected.code, 0, inspected.stderr)
  t.like(events(inspected).folder, { clips: 75, kind: 'sound' })
})

test.serial('a file that cannot be read is left out where that is asked for, and told in the report', async (t) => {
  const made = join(folder, 'skipped')
  writeWords(made)
  writeFileSync(join(made, 'low', 'anna_1.wav'), 'RIFF')
  const out = join(place('skipping'), 'model.safetensors')
  const ending = await zoetrope('train', made, '-o', out, '--on-error', 'skip', '--json', ...SMALL, '--epochs', '1')
  t.is(ending.code, 0, ending.stderr)
  const { data, report } = events(ending)
  t.is((data!.skipped as readonly { path: string }[]).length, 1)
  t.true(readFileSync(String(report!.report), 'utf8').includes('anna_1.wav'))
})

test.serial('a folder that cannot be written to is told before anything is done', async (t) => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  const { code, stderr } = await zoetrope('train', words, '-o', join(file, 'model.safetensors'), ...SMALL)
  t.is(code, 1)
  t.regex(stderr, /Expected a folder for the model that can be written to, received '.*a-file'/)
})
