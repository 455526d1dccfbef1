/** `npx zoetrope`, run as npm's link to it runs it. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runNode } from '../helpers/child'
import { Installation } from '../helpers/installation'
import type { Ending } from '../helpers/child'

interface Diagnosis {
  readonly isHealthy: boolean
  readonly checks: readonly { name: string; status: string; found: string; remedy?: string }[]
}

const whole = new Installation()

async function zoetrope(args: string[], env: NodeJS.ProcessEnv = {}, { root, folder } = whole): Promise<Ending> {
  return runNode([join(root, 'dist', 'cli', 'main.js'), ...args], env, folder)
}

async function diagnosisOf(
  installation: Installation,
  env: NodeJS.ProcessEnv = {},
): Promise<[number | null, Diagnosis]> {
  const { code, stdout } = await zoetrope(['doctor', '--json'], env, installation)
  return [code, JSON.parse(stdout) as Diagnosis]
}

test('doctor: a line for each thing, and exit status 0 where a model can be trained', async (t) => {
  const { code, stdout, stderr } = await zoetrope(['doctor'])
  t.is(code, 0, stdout + stderr)
  const lines = stdout.trimEnd().split('\n')
  const names = lines.filter((line) => !line.startsWith(' ')).map((line) => /^[✔•] (.*?)  /.exec(line)?.[1])
  t.deepEqual(
    names.filter((name) => name !== 'foreign libraries'),
    ['packages', 'files', 'system', 'C library', 'processor', 'memory', 'threads', 'instruction set', 'CUDA', 'loaded'].concat('self-test'), // prettier-ignore
  )
  t.regex(stdout, /packages +zoetrope \d.*, addon: @zoetrope\/linux-x64-gnu \d.*, libtorch 2\.11\.0\n/)
  t.regex(stdout, /files +as they were packed \(SHA-256\); libtorch: \/.*lib\n/)
  t.regex(stdout, /C library +glibc 2\.\d+ \(2\.31 is needed\)\n/)
  t.regex(stdout, /self-test +trained, saved and loaded in \d+ ms; loss 1\.10\d+\n/)
})

test('doctor --json: the same as data', async (t) => {
  const [code, { isHealthy, checks }] = await diagnosisOf(whole)
  t.is(code, 0)
  t.true(isHealthy)
  t.true(checks.length >= 11)
  for (const { name, status, found } of checks) {
    t.true(name.length > 0 && found.length > 0)
    t.not(status, 'failed', `${name}: ${found}`)
  }
})

test('the self-test has the same loss with every kind of kernels', async (t) => {
  for (const kernels of ['baseline', 'avx2', 'avx512']) {
    const [code, { checks }] = await diagnosisOf(whole, { ZOETROPE_CPU: kernels })
    t.is(code, 0, JSON.stringify(checks))
  }
})

test('exit status 1 where a package is missing', async (t) => {
  const installation = new Installation()
  rmSync(installation.libtorch, { recursive: true })
  const [code, { isHealthy, checks }] = await diagnosisOf(installation)
  t.is(code, 1)
  t.false(isHealthy)
  const failed = checks.filter(({ status }) => status === 'failed')
  t.deepEqual(
    failed.map(({ name }) => name),
    ['packages', 'loading'],
  )
  t.regex(failed[1]!.found, /the package @zoetrope\/libtorch-linux-x64 is not installed/)
  t.true(checks.every(({ status, remedy }) => (status === 'ok') === (remedy === undefined)))
})

test('exit status 1 for a library of another size', async (t) => {
  const installation = new Installation()
  const manifest = join(installation.libtorch, 'manifest.json')
  writeFileSync(manifest, JSON.stringify({ files: { 'libc10.so': { bytes: 1, sha256: 'x' } } }))
  const [code, { checks }] = await diagnosisOf(installation)
  t.is(code, 1)
  const check = checks.find(({ name }) => name === 'files')
  t.regex(check!.found, /libc10\.so has \d+ bytes instead of 1/)
  t.is(check!.remedy, 'delete node_modules and install again')
  t.is(checks.at(-1)!.name, 'loading')
})

test('exit status 1 for a changed library that loads all the same', async (t) => {
  const installation = new Installation()
  const library = installation.library('libgomp.so.1')
  const bytes = readFileSync(library)
  writeFileSync(library, bytes.fill(1, bytes.length - 1)) //     behind everything that is loaded
  const [code, { checks }] = await diagnosisOf(installation)
  t.is(code, 1)
  const check = checks.find(({ name }) => name === 'files')
  t.regex(check!.found, /libgomp\.so\.1 is not the one that was packed \(its SHA-256 differs\)/)
  t.is(checks.at(-1)!.status, 'ok')
})

test('exit status 1 for a library that is cut off, as text', async (t) => {
  const installation = new Installation()
  truncateSync(installation.library('libgomp.so.1'), 1000)
  const { code, stdout } = await zoetrope(['doctor'], {}, installation)
  t.is(code, 1)
  t.regex(
    stdout,
    /✖ files +\/.*libgomp\.so\.1 has 1000 bytes instead of \d+\n +→ delete node_modules and install again\n/,
  )
  t.regex(stdout, /✖ loading +The native addon does not load/)
})

test('doctor --libtorch looks at another libtorch', async (t) => {
  const { code, stdout } = await zoetrope(['doctor', '--libtorch', '/nowhere'])
  t.is(code, 1)
  t.regex(stdout, /✖ loading +Expected the folder .* in ZOETROPE_LIBTORCH, received '\/nowhere', which does not exist/)
  const { stdout: found } = await zoetrope(['doctor', '--libtorch', join(whole.libtorch, 'lib')])
  t.regex(found, /files +.*lib, by ZOETROPE_LIBTORCH, not compared with anything\n/)
})

test('a command line that is not understood: exit status 2, and how it should be', async (t) => {
  for (const [args, message] of [
    [['doctor', '--jsno'], /^Unknown option '--jsno'.*\n\nUsage: zoetrope doctor \[--json\]/],
    [['doctor', 'x'], /^Unexpected argument 'x'.*\n\nUsage: zoetrope doctor/],
    [['doctor', '--libtorch'], /^Option '--libtorch <value>' argument missing\n\nUsage: zoetrope doctor/],
    [
      ['doctr'],
      /^Expected one of the commands train, test, predict, inspect, doctor, received 'doctr'; did you mean doctor\?\n\nUsage:\n {2}zoetrope train /,
    ],
    [['--doctor'], /^Expected one of the commands train, test, predict, inspect, doctor, received '--doctor'/],
    [['toString'], /^Expected one of the commands train, test, predict, inspect, doctor, received 'toString'/],
  ] as const) {
    const { code, stdout, stderr } = await zoetrope([...args])
    t.is(code, 2, stderr)
    t.is(stdout, '')
    t.regex(stderr, message)
  }
})

test('help and version: exit status 0, on standard output', async (t) => {
  for (const [args, message] of [
    [[], /^Usage:\n {2}zoetrope train /],
    [['--help'], /^Usage:\n/],
    [['doctor', '--help'], /^Usage: zoetrope doctor .*\n[^]*Exit status: 0 where a model can be trained/],
    [['--version'], /^\d+\.\d+\.\d+/],
  ] as const) {
    const { code, stdout, stderr } = await zoetrope([...args])
    t.is(code, 0, stderr)
    t.regex(stdout, message)
  }
})
