import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { REPOSITORY, runNode } from '../helpers/child'
import { internal } from '../helpers/internals'
import type * as CommandLineModule from '../../dist/cli/options/command-line'
import type * as ConfigFileModule from '../../dist/cli/options/config-file'
import type * as SchemaModule from '../../dist/cli/options/schema'
import type * as TrainOptionsModule from '../../dist/cli/options/train-options'

const { readCommandLine } = internal('cli/options/command-line') as typeof CommandLineModule
const { readConfigFile, parseJson, checkConfig } = internal('cli/options/config-file') as typeof ConfigFileModule
const { trainSchema } = internal('cli/options/schema') as typeof SchemaModule
const { TRAIN_OPTIONS } = internal('cli/options/train-options') as typeof TrainOptionsModule

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-options-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const zoetrope = async (...args: string[]) => runNode([join(REPOSITORY, 'dist', 'cli', 'main.js'), ...args])

test('flags become values of their kind', (t) => {
  const { values, positionals } = readCommandLine(
    ['clips', '--epochs=3', '--learning-rate', '1e-3', '--size', '48x64', '--blocks', '8,16', '--no-augment', '-o', 'm', '--no-report', '-q'],
    TRAIN_OPTIONS,
  ) // prettier-ignore
  t.deepEqual(positionals, ['clips'])
  t.deepEqual(values, {
    epochs: 3,
    learningRate: 1e-3,
    size: { height: 48, width: 64 },
    blocks: [8, 16],
    augment: false,
    out: 'm',
    report: false,
    quiet: true,
  })
  t.deepEqual(readCommandLine(['--size', '32', '--', '--epochs'], TRAIN_OPTIONS), {
    values: { size: { height: 32, width: 32 } },
    positionals: ['--epochs'],
  })
})

for (const [args, message] of [
  [['--epoch', '3'], /Unknown option --epoch; did you mean --epochs\?/],
  [['--learningrate', '3'], /Unknown option --learningrate; did you mean --learning-rate\?/],
  [['--frobnicate'], /Unknown option --frobnicate; known are --data, /],
  [['-z'], /Unknown option -z/],
  [['--epochs', 'ten'], /Expected an integer of at least 1 for --epochs, received 'ten'/],
  [['--epochs', '0'], /an integer of at least 1 for --epochs, received 0/],
  [['--epochs', ''], /an integer of at least 1 for --epochs, received ""/],
  [['--epochs'], /Expected a value behind --epochs/],
  [['--dropout', '1'], /a number from 0 to below 1 for --dropout, received 1/],
  [['--size', '64xx'], /pixels, such as 64 or 48x64/],
  [['--size', '0x4'], /pixels, such as 64 or 48x64/],
  [['--blocks', '8,,16'], /integers of at least 1 for --blocks/],
  [['--pooling', 'most'], /one of last, mean, max, attention for --pooling, received "most"/],
  [['--watch=yes'], /Expected no value for --watch, received 'yes'/],
  [['--no-epochs'], /Unknown option --no-epochs: this cannot be turned off/],
] as const) {
  test(`refused: ${JSON.stringify(args)}`, (t) => {
    const error = t.throws(() => readCommandLine(args, TRAIN_OPTIONS))
    t.is(error.constructor.name, 'UsageError')
    t.regex(error.message, message)
  })
}

test('a configuration may have comments, and commas behind the last entry', async (t) => {
  const path = join(folder, 'run.json')
  writeFileSync(
    path,
    `// a run
    { "$schema": "./run.schema.json", /* of
      lines */ "data": "http://clips, } // no comment", // a comment
      "blocks": [8, 16, /* the last */ ], "report": false, "size": 32, }`,
  )
  t.deepEqual(await readConfigFile(path, TRAIN_OPTIONS), {
    data: 'http://clips, } // no comment',
    blocks: [8, 16],
    report: false,
    size: { height: 32, width: 32 },
  })
  t.deepEqual(parseJson('{"a": 1, // }\n"b": 2 /* , */}'), { a: 1, b: 2 })
  t.deepEqual(parseJson(String.raw`{"a": "\"//,}", "b": [1,],}`), { a: '"//,}', b: [1] })
})

test('a wrong configuration says what is wrong, and where', async (t) => {
  for (const [text, message] of [
    ['[]', /Expected an object, received an array of length 0/],
    ['{"epoch": 3}', /Unknown key epoch; did you mean epochs\?/],
    ['{"watch": true}', /Unknown key watch/],
    ['{"epochs": "3"}', /an integer of at least 1 for epochs, received "3"/],
    ['{"report": true}', /a path for report, received true/],
    ['{"epochs": 3', /JSON/],
  ] as const) {
    const path = join(folder, 'wrong.json')
    writeFileSync(path, text)
    const error = await t.throwsAsync(readConfigFile(path, TRAIN_OPTIONS))
    t.regex(error.message, message, text)
    t.true(error.message.includes(path))
  }
  await t.throwsAsync(readConfigFile(join(folder, 'none.json'), TRAIN_OPTIONS), { message: /ENOENT/ })
})

test('the shipped JSON schema is that of the options, and agrees with the check', (t) => {
  const shipped = JSON.parse(readFileSync(join(REPOSITORY, 'run.schema.json'), 'utf8')) as ReturnType<
    typeof trainSchema
  >
  t.deepEqual(shipped, JSON.parse(JSON.stringify(trainSchema())), 'node scripts/build.mjs writes it')
  const { properties } = shipped as { properties: Record<string, { description?: string }> }
  for (const name of Object.keys(properties)) {
    if (name === '$schema') continue
    t.truthy(properties[name]!.description)
    t.throws(() => checkConfig({ [name]: { no: 'value' } }, TRAIN_OPTIONS), undefined, name)
  }
  t.false('watch' in properties)
})

test('every command has help, and says what it does not understand with status 2', async (t) => {
  for (const command of ['train', 'test', 'predict', 'inspect', 'doctor']) {
    const help = await zoetrope(command, '--help')
    t.is(help.code, 0, help.stderr)
    t.regex(help.stdout, new RegExp(`^Usage: zoetrope ${command} `))
    t.regex(help.stdout, /Exit status: 0/)
    const wrong = await zoetrope(command, '--frobnicate')
    t.is(wrong.code, 2, wrong.stderr)
    t.regex(wrong.stderr, /--frobnicate[^]*Usage: zoetrope/)
    t.is(wrong.stdout, '')
  }
  for (const [args, message] of [
    [['trian'], /received 'trian'; did you mean train\?/],
    [['train'], /Expected a folder of clips/],
    [['train', 'a', 'b'], /Expected one folder, received a and b/],
    [['test', 'model'], /Expected a model and a folder/],
    [['predict', 'model'], /Expected a model and files/],
    [['inspect'], /Expected one model or folder/],
  ] as const) {
    const { code, stderr } = await zoetrope(...args)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
  }
})
