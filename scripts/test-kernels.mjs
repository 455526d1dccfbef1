/**
 * `npm run test:kernels`: the CPU kernels against plain float64 references, on every instruction set that the machine
 * has, and the recurrent layers and the allocator as libtorch sees them; with `--sanitize` the kernels under AddressSanitizer and
 * UndefinedBehaviorSanitizer.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { findLibtorch } from './libtorch.mjs'
import { main, root, run, runAll, script } from './steps.mjs'

const folder = join(root, 'crates', 'zoetrope-core', 'kernels')
const sanitize = process.argv.includes('--sanitize')
const out = join(root, 'build', sanitize ? 'kernels-sanitized' : 'kernels')
const compiler = process.env.CXX ?? 'c++'

// The flags of crates/zoetrope-core/build.rs.
const common = ['-std=c++17', '-fopenmp', '-ffp-contract=fast', '-g', '-c']
const optimization = sanitize ? ['-O2', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : ['-O3']
const instructionSets = {
  baseline: [],
  avx2: ['-mavx2', '-mfma'],
  avx512: ['-mavx512f', '-mavx512vl', '-mavx512bw', '-mavx512dq', '-mavx2', '-mfma'],
}
// Where the compiler knows it, as in build.rs: the tile unit.
const amx = ['-mamx-tile', '-mamx-bf16']
if (spawnSync(compiler, [...amx, '-E', '-x', 'c++', '/dev/null']).status === 0) {
  instructionSets.avx512.push(...amx)
  common.push('-DZT_AMX')
}
/** Kernels, each a folder of `cpu/` whose entry point has the folder's name and is compiled once. */
const kernels = ['conv', 'conv1d', 'conv2d', 'depthwise', 'finish', 'linear', 'optimizer', 'recurrent']
const recurrentOnTensors = ['cpu/isa', 'cpu/recurrent/recurrent', 'torch/recurrent', 'torch/allocator']
/** Objects of this run; programs share them. */
const compiled = new Set()

await main(async () => {
  await script('setup.mjs')
  await mkdir(out, { recursive: true })
  const checks = kernels.map((name) => [
    `${name} kernels${sanitize ? ', sanitized' : ''}`,
    () => check(`${name}_test`, name, ['cpu/isa', `cpu/${name}/${name}`]),
  ])
  // libtorch is not built with sanitizers.
  const onTensors = () => check('recurrent_tensors_test', 'recurrent', recurrentOnTensors, libtorchFlags())
  const withLibtorch = [
    ['recurrent layers and allocator on tensors', onTensors],
    ['benchmarks of kernels compile', compileBenchmarks],
  ]
  checks.push(['how calls end', () => program('abi_test', [], { compile: [], link: [] })])
  await runAll(sanitize ? checks : [...checks, ...withLibtorch])
})

function libtorchFlags() {
  const [libtorch, include] = [findLibtorch(), join(findLibtorch(), 'include')]
  const lib = join(libtorch, 'lib')
  return {
    compile: ['-isystem', include, '-isystem', join(include, 'torch', 'csrc', 'api', 'include')],
    link: [`-L${lib}`, `-Wl,-rpath,${lib}`, '-Wl,--no-as-needed', '-ltorch_cpu', '-lc10'],
  }
}

/** Nothing runs them here: they must not fall behind the kernels' interfaces. */
async function compileBenchmarks() {
  for (const source of await readdir(join(folder, 'bench'))) {
    await run(compiler, [...common, '-fsyntax-only', ...libtorchFlags().compile, join(folder, 'bench', source)])
  }
}

/** Compiles a program of `tests/` with a kernel and the other sources that it needs, and runs it. */
async function check(name, kernel, others, flags = { compile: [], link: [] }) {
  const objects = []
  const names = (await readdir(join(folder, 'cpu', kernel))).filter((file) => file.endsWith('.cpp'))
  for (const source of names.map((file) => basename(file, '.cpp')).filter((file) => file !== kernel))
    for (const [set, setFlags] of Object.entries(instructionSets))
      objects.push(await compile(`cpu/${kernel}/${source}`, `.${set}`, [`-DZT_ISA=${set}`, ...setFlags]))
  for (const source of others) objects.push(await compile(source, '', flags.compile))
  await program(name, objects, flags)
}

/** The object of a source. */
async function compile(source, suffix, flags) {
  const object = join(out, `${source.replaceAll('/', '-')}${suffix}.o`)
  if (compiled.has(object)) return object
  compiled.add(object)
  await run(compiler, [...common, ...optimization, ...flags, join(folder, `${source}.cpp`), '-o', object])
  return object
}

/** Compiles a program of `tests/`, links it with some objects, and runs it. */
async function program(name, objects, { compile: flags, link }) {
  const all = [...objects, await compile(`tests/${name}`, '', flags)]
  const sanitizers = sanitize ? ['-fsanitize=address,undefined'] : []
  await run(compiler, ['-fopenmp', ...sanitizers, ...all, ...link, '-o', join(out, name)])
  await run(join(out, name), [])
}
