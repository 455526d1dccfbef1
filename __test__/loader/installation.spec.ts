/** Installations that are whole and that are not, in real folders: what is thrown is what a user sees. */
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs' // prettier-ignore
import { dirname, join } from 'node:path'
import test from 'ava'
import { REPOSITORY, runNode } from '../helpers/child'
import { Installation, builtLibraries } from '../helpers/installation'
import type { ExecutionContext } from 'ava'

interface Failure {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

const CALL = `
  try { console.log(JSON.stringify({ threads: require('zoetrope').getNumThreads() })) }
  catch ({ code, message, details }) { console.log(JSON.stringify({ code, message, details })) }`

/** What the first call in an installation throws. */
async function failureIn(
  t: ExecutionContext,
  { folder }: Installation,
  { env = {}, flags = [], program = CALL }: { env?: NodeJS.ProcessEnv; flags?: string[]; program?: string } = {},
): Promise<Failure> {
  const { code, stdout, stderr } = await runNode([...flags, '-e', program], env, folder)
  t.is(code, 0, stderr)
  const failure = JSON.parse(stdout) as Failure
  t.is(failure.code, 'ERR_NATIVE_LOAD', stdout)
  return failure
}

test('an installation loads: a path with spaces and letters of other languages', async (t) => {
  const { folder } = new Installation()
  const { stdout, stderr } = await runNode(['-e', CALL], {}, folder)
  t.regex(stdout, /^\{"threads":\d+\}\n$/, stderr)
})

test('packages that are not hoisted, and that are links into a store, load', async (t) => {
  const installation = new Installation()
  const { folder, root, addon, libtorch } = installation
  const store = join(folder, 'node_modules', '.store')
  for (const [from, to] of [
    [libtorch, join(store, 'addon', 'node_modules', '@zoetrope', 'libtorch')],
    [addon, join(store, 'addon', 'node_modules', '@zoetrope', 'addon')],
    [root, join(store, 'root', 'node_modules', 'zoetrope')],
  ] as const) {
    mkdirSync(dirname(to), { recursive: true })
    renameSync(from, to)
  }
  const scope = (name: string): string => join(store, name, 'node_modules', '@zoetrope')
  mkdirSync(scope('root'), { recursive: true })
  symlinkSync(join(scope('addon'), 'addon'), join(scope('root'), addon.split('/').at(-1)!))
  symlinkSync(join(scope('addon'), 'libtorch'), join(scope('addon'), libtorch.split('/').at(-1)!))
  symlinkSync(join(store, 'root', 'node_modules', 'zoetrope'), root)
  const { stdout, stderr } = await runNode(['-e', CALL], {}, folder)
  t.regex(stdout, /^\{"threads":\d+\}\n$/, stderr)
})

test('optional dependencies that were left out', async (t) => {
  const installation = new Installation()
  rmSync(installation.addon, { recursive: true })
  const { message, details } = await failureIn(t, installation)
  t.is(details['reason'], 'package-missing')
  t.regex(message, /the package @zoetrope\/linux-x64-gnu is not installed\. .*npm install --include=optional/)
})

test('a libtorch package that is missing', async (t) => {
  const installation = new Installation()
  rmSync(installation.libtorch, { recursive: true })
  const { message, details } = await failureIn(t, installation)
  t.is(details['reason'], 'package-missing')
  t.regex(message, /the package @zoetrope\/libtorch-linux-x64 is not installed/)
})

test('node_modules of another system', async (t) => {
  const installation = new Installation()
  renameSync(installation.addon, join(dirname(installation.addon), 'linux-arm64-gnu'))
  const { message, details } = await failureIn(t, installation)
  t.is(details['reason'], 'package-missing')
  t.regex(message, /linux-x64-gnu is not installed, but @zoetrope\/linux-arm64-gnu is: .*delete node_modules/)
})

test('an addon package of another version', async (t) => {
  const installation = new Installation()
  const path = join(installation.addon, 'package.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), version: '0.0.1' }))
  const { message, details } = await failureIn(t, installation)
  t.is(details['reason'], 'package-version')
  t.regex(message, /the package @zoetrope\/linux-x64-gnu has version 0\.0\.1, and zoetrope (\S+) needs \1\. Delete/)
})

test('a system with an older glibc than the package says it needs', async (t) => {
  const installation = new Installation()
  const path = join(installation.addon, 'package.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('2.31', '2.99'))
  truncateSync(installation.library('libc10.so'), 0) //     what such an addon does there is not to be had here
  const { message, details } = await failureIn(t, installation)
  t.is(details['reason'], 'glibc')
  t.regex(message, /glibc 2\.99 or newer is needed, and this system has 2\.\d+\./)
})

/** A library of which half is missing ends a process that opens it (SIGBUS): it is found before. */
const CHANGES: Readonly<Record<string, readonly [(file: string) => void, string]>> = {
  'is missing': [(file) => rmSync(file), 'is missing'],
  'is empty': [(file) => truncateSync(file), 'has 0 bytes instead of \\d+'],
  'is cut off': [(file) => truncateSync(file, Math.floor(statSync(file).size / 2)), 'has \\d+ bytes instead of \\d+'],
  'has a byte more': [(file) => appendFileSync(file, 'x'), 'has \\d+ bytes instead of \\d+'],
  'is another file': [
    (file) => writeFileSync(file, readFileSync(file).fill(0, 0, 4)),
    'is not the one that was packed \\(its SHA-256 differs\\)',
  ],
}

for (const [name, [change, expected]] of Object.entries(CHANGES)) {
  test(`a file of the packages that ${name}`, async (t) => {
    for (const broken of ['lib/libc10.so', 'lib/libgomp.so.1', 'loader.node']) {
      const installation = new Installation()
      change(join(broken === 'loader.node' ? installation.addon : installation.libtorch, broken))
      const { message, details } = await failureIn(t, installation)
      t.is(details['reason'], 'damaged')
      t.regex(
        message,
        new RegExp(`${broken.replaceAll('.', '\\.')} ${expected}: the installation was interrupted, or `),
      )
      t.regex(message, /Delete node_modules and install again/)
    }
  })
}

test('a manifest that is none', async (t) => {
  for (const text of ['null', '{', '{"files":1}', '[]', undefined]) {
    const installation = new Installation()
    const manifest = join(installation.libtorch, 'manifest.json')
    if (text === undefined) rmSync(manifest)
    else writeFileSync(manifest, text)
    const { message } = await failureIn(t, installation)
    t.regex(message, /libtorch-linux-x64\/manifest\.json is missing or unreadable: /)
  }
})

test('Node that loads no addons', async (t) => {
  const { message, details } = await failureIn(t, new Installation(), { flags: ['--no-addons'] })
  t.is(details['reason'], 'addons-disabled')
  t.regex(message, /loading addons is disabled\)\. Start Node without `--no-addons`/)
})

test('ZOETROPE_LIBTORCH that names a libtorch of this version is used', async (t) => {
  const { folder, libtorch } = new Installation()
  const own = join(folder, 'site-packages', 'torch')
  mkdirSync(own, { recursive: true })
  renameSync(join(libtorch, 'lib'), join(own, 'lib'))
  rmSync(libtorch, { recursive: true })
  writeFileSync(join(own, 'version.py'), "__version__ = '2.11.0+cu130'\n")
  const { stdout, stderr } = await runNode(['-e', CALL], { ZOETROPE_LIBTORCH: join(own, 'lib') }, folder)
  t.regex(stdout, /^\{"threads":\d+\}\n$/, stderr)
})

test('ZOETROPE_LIBTORCH that names nothing, no folder, no libtorch, or another version', async (t) => {
  const installation = new Installation()
  const other = join(installation.folder, 'torch')
  mkdirSync(join(other, 'lib'), { recursive: true })
  const refused = async (folder: string): Promise<Failure> =>
    failureIn(t, installation, { env: { ZOETROPE_LIBTORCH: folder } })
  const nothing = await refused('/nowhere')
  t.is(
    nothing.message,
    "Expected the folder of the libraries of libtorch 2.11.0 in ZOETROPE_LIBTORCH, received '/nowhere', which does not " +
      'exist. Set it to the folder `torch/lib` of a PyTorch 2.11.0, which ' +
      '`python3 -c "import torch; print(torch.__path__[0] + \'/lib\')"` prints, or unset it to use the libtorch that npm installs',
  )
  t.deepEqual(nothing.details, { reason: 'libtorch-missing', path: '/nowhere' })
  t.regex((await refused(join(installation.root, 'package.json'))).message, /, which is no folder\. /)
  t.regex((await refused(join(other, 'lib'))).message, /, which has no libtorch_cpu\.so\. /)
  writeFileSync(join(other, 'lib', 'libtorch_cpu.so'), '')
  t.regex((await refused(join(other, 'lib'))).message, /, whose version no file beside it tells\. /)
  writeFileSync(join(other, 'version.py'), "__version__ = '2.10.1+cpu'\n")
  const older = await refused(join(other, 'lib'))
  t.regex(older.message, /, which is libtorch 2\.10\.1\. /)
  t.is(older.details['reason'], 'libtorch-version')
})

test('JavaScript that a bundler took out of its package', async (t) => {
  const installation = new Installation()
  const bundle = join(installation.folder, 'bundle')
  cpSync(join(installation.root, 'dist'), join(bundle, 'output'), { recursive: true })
  const program = CALL.replace("'zoetrope'", JSON.stringify(join(bundle, 'output', 'index.js')))
  const { message, details } = await failureIn(t, installation, { program })
  t.is(details['reason'], 'bundled')
  t.regex(
    message,
    /^Expected to run from the folder of the package 'zoetrope' in node_modules, received .*locate\.js: a bundler /,
  )
  t.regex(message, /`--external:zoetrope` \(esbuild\).*\(webpack\).*\(Rollup; Vite: .*\(Next\.js\)/)
})

test('another libtorch in the process is refused before two of them end it; one of this version is used', async (t) => {
  const installation = new Installation()
  const copy = join(installation.folder, 'copy')
  installation.copyLibraries(join(copy, 'lib'))
  const opener = join(installation.addon, 'loader.node')
  const before = `
    const { openLibrary } = require(${JSON.stringify(opener)})
    for (const name of ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']) {
      const reason = openLibrary(${JSON.stringify(join(copy, 'lib'))} + '/' + name)
      if (reason !== null) throw new Error(reason)
    }`
  const unknown = await failureIn(t, installation, { program: before + CALL })
  t.is(unknown.details['reason'], 'other-library')
  t.regex(
    unknown.message,
    /another package has loaded libtorch of an unknown version into this process before \(.*copy/,
  )

  writeFileSync(join(copy, 'build-version'), '2.6.0+cpu\n')
  const older = await failureIn(t, installation, { program: before + CALL })
  t.regex(older.message, /loaded libtorch 2\.6\.0 into this process before/)

  writeFileSync(join(copy, 'build-version'), '2.11.0+cpu\n')
  const { stdout, stderr } = await runNode(['-e', before + CALL], {}, installation.folder)
  t.regex(stdout, /^\{"threads":\d+\}\n$/, stderr)
})

test('a clone that is not built, and one whose addon is broken', async (t) => {
  const installation = new Installation()
  rmSync(installation.addon, { recursive: true })
  mkdirSync(join(installation.root, 'crates'))
  const unbuilt = await failureIn(t, installation)
  t.is(unbuilt.details['reason'], 'clone')
  t.regex(unbuilt.message, /this clone of the repository has no addon yet\. Run `npm run build` in the clone$/)

  const broken = join(installation.root, `zoetrope.${process.platform}-${process.arch}-gnu.node`)
  appendFileSync(broken, 'this is no library '.repeat(20))
  const failure = await failureIn(t, installation)
  t.is(failure.details['reason'], 'clone')
  t.regex(failure.message, /gnu\.node: invalid ELF header\. Run `npm run build` in the clone$/)
  t.regex(String(failure.details['system']), /invalid ELF header/)
})

test('NAPI_RS_NATIVE_LIBRARY_PATH names another addon; one that does not load is told', async (t) => {
  const installation = new Installation()
  const addon = join(REPOSITORY, `zoetrope.${process.platform}-${process.arch}-gnu.node`)
  const { stdout, stderr } = await runNode(['-e', CALL], { NAPI_RS_NATIVE_LIBRARY_PATH: addon }, installation.folder)
  t.regex(stdout, /^\{"threads":\d+\}\n$/, stderr)

  const broken = join(installation.folder, 'broken.node')
  writeFileSync(broken, 'this is no library '.repeat(20))
  for (const [file, expected] of [
    [broken, /names .*broken\.node, which cannot be loaded \(.*broken\.node: invalid ELF header\)\. Unset/],
    [`${broken}.absent`, /which cannot be loaded \(Cannot find module '.*absent'\)\. Unset/],
    [join(installation.root, 'package.json'), /\(.*package\.json is not an addon of Zoetrope\)\. Unset/],
  ] as const) {
    const { message, details } = await failureIn(t, installation, { env: { NAPI_RS_NATIVE_LIBRARY_PATH: file } })
    t.is(details['reason'], 'addon-variable')
    t.regex(message, expected)
  }
})

test('the libraries of these tests are there', (t) => {
  t.true(builtLibraries().length >= 3)
  t.true(builtLibraries().every((path) => existsSync(path)))
})
