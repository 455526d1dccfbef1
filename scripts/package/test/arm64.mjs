/**
 * `node scripts/package/test/arm64.mjs`: the arm64 packages of artifacts/ and the core's tests in an emulated arm64 machine.
 * It trains, saves, loads and predicts with the installed packages, runs `doctor`, trains networks of every kind of layer
 * on old and new processors, and runs the core's tests against PyTorch's numbers. `-- --only=WORDS` runs the checks whose
 * names have the words. Where the emulator or the cross compiler is missing it says so and ends well.
 */
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { capture, main, progress, root, SetupError } from '../../steps.mjs'
import { missingTools, prepareBuild } from '../addon.mjs'
import { manifest, PLATFORMS } from '../packages.mjs'
import { findEmulator, openMachine } from './emulated.mjs'
import { readTarballs, startRegistry } from './registry.mjs'

const PLATFORM = PLATFORMS['linux-arm64']
const consumer = fileURLToPath(new URL('consumer/', import.meta.url))
const networks = fileURLToPath(new URL('programs/networks.cjs', import.meta.url))

/** Files of crates/zoetrope-core/tests. */
const CORE_TESTS = ['parity', 'initial_weights', 'optimizers', 'checkpoint']

/** It starts itself, and the system cannot start a program of another processor. */
const NATIVE_ONLY = 'a_save_that_fails_half_way_leaves_the_old_file'

/** QEMU's names, from the oldest architecture. libtorch's own convolutions have instructions that `old` ones lack. */
const PROCESSORS = [
  { model: 'cortex-a53', about: 'ARMv8.0: Raspberry Pi 3', old: true },
  { model: 'cortex-a72', about: 'ARMv8.0: Raspberry Pi 4, Graviton 1', old: true },
  { model: 'cortex-a76', about: 'ARMv8.2: Raspberry Pi 5' },
  { model: 'neoverse-n1', about: 'ARMv8.2: Graviton 2' },
  { model: 'max', about: 'everything that QEMU knows, with SVE' },
]

/** The largest difference between losses on two processors: they add in another order. */
const TOLERANCE = 1e-5

/** Emulated code is some twenty times slower, on busy machines more. */
const PATIENCE = 1_200_000

await main(async () => {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } })
  const emulator = await findEmulator()
  const missing = emulator ? await missingTools(PLATFORM) : 'qemu-aarch64 was not found.\n  Get it: `apt install qemu-user-static`.' // prettier-ignore
  if (missing !== undefined) return console.log(`Skipped, arm64 cannot be tried here: ${missing}`)
  const machine = await openMachine(emulator)
  const folder = await mkdtemp(join(tmpdir(), 'zoetrope-arm64-')) //     outside of the clone, whose packages it would find
  try {
    const app = await install(join(folder, 'app'))
    const checks = [...programs(machine, app), ...processors(machine, app), ...coreTests(machine)]
    const isChosen = ({ name }) => values.only === undefined || values.only.some((words) => name.includes(words))
    const rows = []
    for (const { name, check } of checks.filter(isChosen)) {
      const began = performance.now()
      const { problem, found } = await check()
      rows.push({ check: name, result: problem ?? 'green', found, seconds: Math.round((performance.now() - began) / 1000) }) // prettier-ignore
      console.log(`${problem ? '✖' : '✔'} ${name}: ${problem ?? found}`)
    }
    console.table(rows)
    const red = rows.filter(({ result }) => result !== 'green').length
    if (red > 0) throw new SetupError(`${red} of ${rows.length} checks are not green`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** Installs the packages as npm does on arm64, without a script and from nowhere but artifacts/. */
async function install(app) {
  const tarballs = await readTarballs(join(root, 'artifacts'))
  const facade = tarballs.find(({ manifest: { name } }) => name === manifest.name)
  if (facade?.manifest.optionalDependencies[PLATFORM.addon] === undefined) {
    throw new SetupError(
      'artifacts/ has no packages for arm64: `npm run package -- --platform linux-arm64`, or `--all`',
    )
  }
  await mkdir(app, { recursive: true })
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', private: true }))
  for (const name of await readdir(consumer)) await copyFile(join(consumer, name), join(app, name))
  const registry = await startRegistry(tarballs)
  const asArm64 = ['--os=linux', `--cpu=${PLATFORM.cpu}`, '--libc=glibc', '--ignore-scripts']
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const args = [
    'install',
    manifest.name,
    ...asArm64,
    ...quiet,
    `--registry=${registry}`,
    `--cache=${join(app, '..', 'npm')}`,
  ]
  const npm = () => capture('npm', args, { cwd: app })
  const { code, stderr } = await progress('Installing the packages as on arm64', npm)
  if (code !== 0) throw new SetupError(`npm could not install the packages:\n${stderr.trim()}`)
  return app
}

/** Programs as a user writes them. */
function programs({ node, run }, app) {
  const LEARNED = /cycle: 40 of 40 right, same after loading/
  const cli = join(app, 'node_modules', manifest.name, manifest.bin[manifest.name])
  return [
    { name: 'train, save, load, predict: CommonJS', args: [join(app, 'commonjs.cjs')], shows: LEARNED },
    { name: 'train, save, load, predict: ES module', args: [join(app, 'esm.mjs')], shows: LEARNED },
    { name: 'doctor', args: [cli, 'doctor'], shows: /✔ self-test.*/ },
  ].map(({ name, args, shows }) => ({
    name,
    check: async () => {
      const ending = await run([node, ...args], { cwd: app, timeout: PATIENCE })
      const found = ending.stdout.match(shows)?.[0]
      return ending.code === 0 && found ? { found } : { problem: wordsOf(ending) }
    },
  }))
}

/** Networks of every kind of layer on one processor after the other: the losses of the newest. */
function processors({ node, run }, app) {
  const packageFolder = join(app, 'node_modules', manifest.name)
  const losses = async (processor, env) => {
    const ending = await run([node, networks, packageFolder], { processor, cwd: app, env, timeout: PATIENCE })
    return ending.code === 0 ? JSON.parse(ending.stdout.trim().split('\n').at(-1)) : wordsOf(ending)
  }
  let expected
  return PROCESSORS.flatMap(({ model, about, old }) =>
    ['default', 'reference'].map((engine) => ({
      name: `networks on ${model} (${about}), ${engine} path`,
      check: async () => {
        expected ??= losses('max', {})
        const wanted = await expected
        const found = await losses(model, engine === 'reference' ? { ZOETROPE_ENGINE: engine } : {})
        const isKnown = old && engine === 'reference' && /signal 4/.test(found)
        if (isKnown) return { found: 'libtorch ends the process with SIGILL, as docs/packaging.md says' }
        if (typeof found === 'string') return { problem: found }
        const distance = Math.max(...Object.entries(wanted).map(([name, loss]) => Math.abs(found[name] - loss)))
        const words = `losses within ${distance.toExponential(0)}`
        return distance < TOLERANCE ? { found: words } : { problem: words }
      },
    })),
  )
}

/** The core's tests, built for arm64. */
function coreTests({ run }) {
  let built
  return CORE_TESTS.map((name) => ({
    name: `core tests: ${name}`,
    check: async () => {
      built ??= buildCoreTests()
      const program = (await built).get(name)
      const ending = await run([program, '--test-threads=2', '--skip', NATIVE_ONLY], { cwd: root, timeout: PATIENCE })
      const found = ending.stdout.match(/test result: .*?; 0 failed/)?.[0]
      return ending.code === 0 && found ? { found } : { problem: wordsOf(ending) }
    },
  }))
}

/** Programs by the names of the tests. */
async function buildCoreTests() {
  const { args, env } = await prepareBuild(PLATFORM)
  const tests = CORE_TESTS.flatMap((name) => ['--test', name])
  const all = ['test', '--no-run', ...args, '--package', 'zoetrope-core', ...tests, '--message-format=json-render-diagnostics'] // prettier-ignore
  const cargo = () => capture('cargo', all, { cwd: root, env })
  const { code, stdout, stderr } = await progress('Compiling the core’s tests for arm64', cargo)
  if (code !== 0) throw new SetupError(`cargo could not build the core's tests:\n${stderr.trim().slice(-3000)}`)
  const messages = stdout.trim().split('\n').map((line) => JSON.parse(line)) // prettier-ignore
  return new Map(
    messages.filter(({ executable }) => executable).map(({ target, executable }) => [target.name, executable]),
  )
}

/** How a program ended, in a line or a few. */
function wordsOf({ code, stdout, stderr }) {
  const reason = stderr.match(/uncaught target signal.*|Error: .*/)?.[0] ?? (stderr + stdout).trim().split('\n').slice(-5).join(' | ') // prettier-ignore
  return `ended with ${code}: ${reason.slice(0, 300)}`
}
