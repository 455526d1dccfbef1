/**
 * The cells of the matrix, as data. Fields that a scenario leaves out: `node` 20, `debian` 12, `manager` npm, `user` node,
 * `folder` app, `steps` a program and `doctor`. Each step runs a command, or changes the installed files as `change`.
 */
import { cpSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs' // prettier-ignore
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const LEARNED = /cycle: 40 of 40 right, same after loading/
const LIBTORCH = 'node_modules/@zoetrope/libtorch-linux-x64/lib'

/** Installs the package; further arguments go to the package manager. */
const install = (...args) => ({ install: args })
/** Runs a program of `consumer/`. */
const learns = (...command) => ({ run: ['node', ...command], shows: [LEARNED] })
/** The program must end with the package's error, with this reason and these words. */
const fails = (program, reason, ...words) => ({
  run: ['node', program],
  status: 1,
  shows: [/code: 'ERR_NATIVE_LOAD'/, new RegExp(`reason: '${reason}'`), ...words],
})
const doctor = { exec: ['zoetrope', 'doctor'], shows: [/✔ self-test/] }
const sickDoctor = (...words) => ({ exec: ['zoetrope', 'doctor'], status: 1, shows: [/✖/, ...words] })
const usual = (program) => [install(), learns(program), doctor]

/** Damages a library of the installed libtorch package. */
const damage = (name, how) => ({ change: (app) => how(join(app, LIBTORCH, name)) })

/** Turns one byte over. */
function flip(file, at) {
  const descriptor = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  readSync(descriptor, byte, 0, 1, at)
  byte[0] ^= 0xff
  writeSync(descriptor, byte, 0, 1, at)
}

const manifest = (file, value) => writeFileSync(file, `${JSON.stringify(value)}\n`)

/** A root with one member, `packages/app`, which is where the programs are. */
const workspace = {
  change: (app) => {
    manifest(join(app, '../../package.json'), { name: 'root', private: true, workspaces: ['packages/*'] })
    writeFileSync(join(app, '../../pnpm-workspace.yaml'), 'packages: ["packages/*"]\n')
  },
}

/** With Node's types beside it, as in every TypeScript project for Node; the package's declarations are checked too. */
const typescript = {
  run: (tools) => ['node', `${tools}/typescript/bin/tsc`, '--project', '.', '--typeRoots', `${tools}/@types`],
}
const typed = [/typed: dark bright of 20/, /typed: ERR_DISPOSED/]

/** A lock file as npm 10 writes it where the optional package of this system was not in sight. */
function forgetAddon(app) {
  const file = join(app, 'package-lock.json')
  const lock = JSON.parse(execFileSync('cat', [file], { encoding: 'utf8' }))
  for (const path of Object.keys(lock.packages)) if (path.includes('@zoetrope')) delete lock.packages[path]
  manifest(file, lock)
  rmSync(join(app, 'node_modules'), { recursive: true })
}

export const SCENARIOS = [
  { name: 'npm, ES module', debian: 11, user: 'root', steps: usual('esm.mjs') },
  { name: 'npm, CommonJS', debian: 11, node: 22, steps: usual('commonjs.cjs') },
  { name: 'npm, root', debian: 11, node: 24, user: 'root', steps: usual('esm.mjs') },
  { name: 'npm, newest', debian: 13, node: 26, steps: usual('esm.mjs') },
  { name: '--ignore-scripts', debian: 12, node: 22, steps: [install('--ignore-scripts'), learns('esm.mjs'), doctor] },
  { name: 'pnpm 10', debian: 12, manager: 'pnpm-10', steps: usual('esm.mjs') },
  { name: 'pnpm 12', debian: 13, node: 24, manager: 'pnpm-12', steps: usual('commonjs.cjs') },
  { name: 'yarn 1', debian: 11, node: 24, manager: 'yarn-1', steps: usual('esm.mjs') },
  { name: 'yarn 4, node_modules', debian: 12, node: 26, manager: 'yarn-4', steps: usual('commonjs.cjs') },
  {
    name: 'yarn 4, Plug’n’Play',
    debian: 12,
    manager: 'yarn-4',
    nodeLinker: 'pnp',
    steps: [install(), { run: ['yarn', 'node', 'commonjs.cjs'], shows: [LEARNED] }, doctor],
  },
  { name: 'worker threads', debian: 13, node: 24, steps: [install(), { ...learns('worker.mjs'), shows: [LEARNED, /first worker ended with 0/, /second worker ended with 0/] }] }, // prettier-ignore
  {
    name: 'TypeScript, tsc',
    debian: 12,
    steps: [install(), typescript, { run: ['node', 'typed.mjs'], shows: typed }],
  },
  {
    name: 'TypeScript, types stripped',
    debian: 13,
    node: 22,
    steps: [install(), { run: ['node', 'typed.mts'], shows: typed }],
  },
  ...['esbuild', 'webpack'].flatMap((bundler) => [
    {
      name: `${bundler}, external`,
      steps: [install(), { run: ['node', 'bundle.cjs', bundler, 'external'] }, learns('bundle/main.cjs')],
    },
    {
      name: `${bundler}, by mistake`,
      steps: [install(), { run: ['node', 'bundle.cjs', bundler] }, fails('bundle/main.cjs', 'bundled', /--external:zoetrope/)], // prettier-ignore
    },
  ]),
  {
    name: '--omit=optional',
    steps: [
      install('--omit=optional'),
      fails('esm.mjs', 'package-missing', /npm install --include=optional/),
      sickDoctor(/@zoetrope\/linux-x64-gnu is not installed/),
    ],
  },
  {
    name: 'lock file of another system',
    node: 20,
    steps: [
      install(),
      { change: forgetAddon },
      { run: ['npm', 'ci'] },
      fails('esm.mjs', 'package-missing', /lock file was written on another system/),
    ],
  },
  {
    name: 'library missing',
    steps: [
      install(),
      damage('libtorch_cpu.so', rmSync),
      fails('esm.mjs', 'damaged', /libtorch_cpu\.so is missing/),
      sickDoctor(/libtorch_cpu\.so is missing/),
    ],
  },
  {
    name: 'library truncated',
    steps: [
      install(),
      damage('libtorch_cpu.so', (file) => truncateSync(file, Math.floor(statSync(file).size / 2))),
      fails('esm.mjs', 'damaged', /has \d+ bytes instead of \d+/),
      sickDoctor(/has \d+ bytes instead of \d+/),
    ],
  },
  {
    name: 'library altered, unloadable',
    steps: [
      install(),
      damage('libc10.so', (file) => flip(file, 4)),
      fails('esm.mjs', 'damaged', /its SHA-256 differs/),
      sickDoctor(/its SHA-256 differs/),
    ],
  },
  {
    name: 'library altered, loadable',
    // Section headers, which the end of the file holds, are not loaded: only `doctor` can tell.
    steps: [install(), damage('libtorch_cpu.so', (file) => flip(file, statSync(file).size - 1)), sickDoctor(/its SHA-256 differs/)], // prettier-ignore
  },
  { name: 'spaces, other letters', debian: 13, folder: 'mit Leerzeichen/Prüfung 模型 №1', steps: usual('esm.mjs') },
  {
    name: 'read-only folder',
    steps: [install(), { change: (app) => execFileSync('chmod', ['-R', 'a-w', app]) }, learns('esm.mjs'), doctor],
  },
  {
    name: 'symlinked node_modules',
    steps: [
      install(),
      {
        change: (app) => {
          mkdirSync(join(app, '../store'))
          renameSync(join(app, 'node_modules'), join(app, '../store/node_modules'))
          symlinkSync('../store/node_modules', join(app, 'node_modules'))
        },
      },
      learns('esm.mjs'),
      doctor,
    ],
  },
  {
    name: 'copied node_modules',
    // As a Docker image is built: installed in one folder, run in another.
    steps: [
      install(),
      {
        change: (app) => {
          cpSync(join(app, 'node_modules'), join(app, 'later/node_modules'), {
            recursive: true,
            verbatimSymlinks: true,
          })
          rmSync(join(app, 'node_modules'), { recursive: true })
          for (const name of ['esm.mjs', 'cycle.cjs']) cpSync(join(app, name), join(app, 'later', name))
        },
      },
      learns('later/esm.mjs'),
    ],
  },
  { name: 'workspace, npm', folder: 'packages/app', steps: [workspace, ...usual('esm.mjs')] },
  { name: 'workspace, pnpm', folder: 'packages/app', manager: 'pnpm-10', steps: [workspace, ...usual('esm.mjs')] },
].map((scenario) => ({ debian: 12, node: 20, manager: 'npm', user: 'node', folder: 'app', ...scenario }))

/** What continuous integration runs. */
export const SHORT = SCENARIOS[0]
