/**
 * `npm run test:kernels`: the CPU kernels against plain float64 references, on every instruction set that the machine
 * has, and the LSTM and the allocator as libtorch sees them; with `--sanitize` the kernels under AddressSanitizer and
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
const optimization = sanitize ? ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : ['-O3']
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
const perInstructionSet = {
  conv: /^(conv_.*|flatten)\.cpp$/,
  linear: /^linear_.*\.cpp$/,
  lstm: /^lstm_.*\.cpp$/,
  optimizer: /^optimizer_.*\.cpp$/,
}
const lstmOnTensors = ['cpu/isa', 'cpu/lstm', 'autograd_lstm', 'allocator']
/** Objects of this run; programs share them. */
const compiled = new Set()

await main(async () => {
  await script('setup.mjs')
  await mkdir(out, { recursive: true })
  const sources = await readdir(join(folder, 'cpu'))
  const kernelsOf = (name) => sources.filter((source) => perInstructionSet[name].test(source))
  const checks = Object.keys(perInstructionSet).map((name) => [
    `${name} kernels${sanitize ? ', sanitized' : ''}`,
    () => check(`${name}_test`, kernelsOf(name), ['cpu/isa', `cpu/${name}`]),
  ])
  // libtorch is not built with sanitizers.
  const onTensors = () => check('lstm_tensors_test', kernelsOf('lstm'), lstmOnTensors, libtorchFlags())
  const withLibtorch = [
    ['LSTM and allocator on tensors', onTensors],
    ['benchmarks of kernels compile', compileBenchmarks],
  ]
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

/** Compiles a program of `tests/` with the kernels and other sources that it needs, and runs it. */
async function check(program, kernels, others, { compile: flags, link } = { compile: [], link: [] }) {
  const objects = []
  const compile = async (source, object, more) => {
    objects.push(join(out, object))
    if (compiled.has(object)) return
    compiled.add(object)
    await run(compiler, [...common, ...optimization, ...more, join(folder, source), '-o', join(out, object)])
  }
  for (const kernel of kernels)
    for (const [set, setFlags] of Object.entries(instructionSets))
      await compile(join('cpu', kernel), `${kernel}.${set}.o`, [`-DZT_ISA=${set}`, ...setFlags])
  for (const source of [...others, `tests/${program}`]) await compile(`${source}.cpp`, `${basename(source)}.o`, flags)
  const sanitizers = sanitize ? ['-fsanitize=address,undefined'] : []
  await run(compiler, ['-fopenmp', ...sanitizers, ...objects, ...link, '-o', join(out, program)])
  await run(join(out, program), [])
}
