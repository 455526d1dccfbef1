/**
 * The cells of the matrix, as data. A scenario has a `name`, the `debian` and `node` it runs on, a package `manager`, a
 * `user`, the `folder` of its program, and `steps`. A step runs a command, or changes what is installed (`change`).
 */
import * as changes from './changes.mjs'

const DEFAULTS = { debian: 12, node: 20, manager: 'npm', user: 'node', folder: 'app' }
const LEARNED = /cycle: 40 of 40 right, same after loading/

/** Installs the package; the arguments go to the package manager. */
const install = (...args) => ({ install: args })

/** Runs a program of `consumer/` that trains, saves, loads and predicts. */
const learns = (program) => ({ run: ['node', program], shows: [LEARNED] })

const doctor = { exec: ['zoetrope', 'doctor'], shows: [/✔ self-test/] }

const usual = (program) => [install(), learns(program), doctor]

/** The program must end with the package's error, with this reason and these words. */
const fails = (program, reason, words) => ({
  run: ['node', program],
  status: 1,
  shows: [/code: 'ERR_NATIVE_LOAD'/, new RegExp(`reason: '${reason}'`), words],
})

const doctorFinds = (words) => ({ exec: ['zoetrope', 'doctor'], status: 1, shows: [/✖/, words] })

/** A library is damaged: the program and `doctor` say so in the same words. */
const damaged = (change, words) => [install(), { change }, fails('esm.mjs', 'damaged', words), doctorFinds(words)]

/** With Node's types beside it, as in every TypeScript project for Node; the package's declarations are checked too. */
const compiles = {
  run: (tools) => ['node', `${tools}/typescript/bin/tsc`, '--project', '.', '--typeRoots', `${tools}/@types`],
}
const typed = (program) => ({ run: ['node', program], shows: [/typed: dark bright of 20/, /typed: ERR_DISPOSED/] })

const bundles = (...args) => ({ run: ['node', 'bundle.cjs', ...args] })
const bundled = (bundler) => [
  { name: `${bundler}, external`, steps: [install(), bundles(bundler, 'external'), learns('bundle/main.cjs')] },
  {
    name: `${bundler}, by mistake`,
    steps: [install(), bundles(bundler, 'all'), fails('bundle/main.cjs', 'bundled', /--external:zoetrope/)],
  },
]

export const SCENARIOS = [
  { name: 'ES module', debian: 11, user: 'root', steps: usual('esm.mjs') },
  { name: 'the oldest Node', debian: 11, node: 20.19, steps: usual('esm.mjs') },
  { name: 'CommonJS', debian: 11, node: 22, steps: usual('commonjs.cjs') },
  { name: 'npm 11', debian: 11, node: 24, user: 'root', steps: usual('esm.mjs') },
  { name: 'npm 12', debian: 13, node: 26, steps: usual('esm.mjs') },
  { name: 'pnpm 10', debian: 12, manager: 'pnpm-10', steps: usual('esm.mjs') },
  { name: 'pnpm 12', debian: 13, node: 24, manager: 'pnpm-12', steps: usual('commonjs.cjs') },
  { name: 'yarn 1', debian: 11, node: 24, manager: 'yarn-1', steps: usual('esm.mjs') },
  { name: 'yarn 4, node_modules', debian: 12, node: 26, manager: 'yarn-4', steps: usual('commonjs.cjs') },
  {
    name: 'yarn 4, Plug’n’Play',
    manager: 'yarn-4',
    nodeLinker: 'pnp',
    steps: [install(), { ...learns('commonjs.cjs'), run: ['yarn', 'node', 'commonjs.cjs'] }, doctor],
  },
  {
    name: 'the README’s program',
    debian: 13,
    node: 22,
    steps: [
      install(),
      { change: changes.writeReadmesProgram },
      { run: ['node', 'readme.mjs'], shows: changes.promisesOfReadme },
    ],
  },
  {
    name: 'worker threads',
    debian: 13,
    node: 24,
    steps: [
      install(),
      { run: ['node', 'worker.mjs'], shows: [LEARNED, /first worker ended with 0/, /second worker ended with 0/] },
    ],
  },
  { name: 'TypeScript, tsc', steps: [install(), compiles, typed('typed.mjs')] },
  { name: 'TypeScript, types stripped', debian: 13, node: 22, steps: [install(), typed('typed.mts')] },
  ...bundled('esbuild'),
  ...bundled('webpack'),
  {
    name: 'esbuild to an ES module, by mistake',
    steps: [install(), bundles('esbuild', 'esm'), fails('bundle/main.mjs', 'bundled', /--external:zoetrope/)],
  },
  { name: 'spaces, other letters', debian: 13, folder: 'mit Leerzeichen/Prüfung 模型 №1', steps: usual('esm.mjs') },
  { name: 'read-only folder', steps: [install(), { change: changes.becomeReadOnly }, learns('esm.mjs'), doctor] },
  { name: 'symlinked node_modules', steps: [install(), { change: changes.linkModules }, learns('esm.mjs'), doctor] },
  { name: 'moved node_modules', steps: [install(), { change: changes.moveModules }, learns('later/esm.mjs')] },
  ...['npm', 'pnpm-10', 'yarn-1'].map((manager) => ({
    name: `workspace, ${manager}`,
    manager,
    folder: 'packages/app',
    steps: [{ change: changes.becomeWorkspace }, ...usual('esm.mjs')],
  })),
  { name: '--ignore-scripts', node: 22, steps: [install('--ignore-scripts'), learns('esm.mjs'), doctor] },
  {
    name: '--omit=optional',
    steps: [
      install('--omit=optional'),
      fails('esm.mjs', 'package-missing', /npm install --include=optional/),
      doctorFinds(/@zoetrope\/linux-x64-gnu is not installed/),
    ],
  },
  {
    name: 'lock file of another system',
    steps: [
      install(),
      { change: changes.forgetAddon },
      { run: ['npm', 'ci'] },
      fails('esm.mjs', 'package-missing', /lock file was written on another system/),
    ],
  },
  { name: 'library missing', steps: damaged(changes.remove('libtorch_cpu.so'), /libtorch_cpu\.so is missing/) },
  { name: 'library truncated', steps: damaged(changes.truncate('libtorch_cpu.so'), /has \d+ bytes instead of \d+/) },
  // The fifth byte says for which word size a library is.
  { name: 'library altered, unloadable', steps: damaged(changes.alter('libc10.so', 4), /its SHA-256 differs/) },
  {
    name: 'library altered, loadable',
    // The end of the file is not loaded, so the program runs, and only `doctor` can tell.
    steps: [
      install(),
      { change: changes.alter('libtorch_cpu.so', -1) },
      learns('esm.mjs'),
      doctorFinds(/its SHA-256 differs/),
    ],
  },
].map((scenario) => ({ ...DEFAULTS, ...scenario }))

/** What continuous integration runs. */
export const SHORT = SCENARIOS[0]
