/**
 * `npm run test:kernels`: the CPU kernels against plain float64 references, on every instruction set that the machine
 * has; with `--sanitize` under AddressSanitizer and UndefinedBehaviorSanitizer.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
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
const perInstructionSet = { conv: /^(conv_.*|flatten)\.cpp$/, lstm: /^lstm_.*\.cpp$/, optimizer: /^optimizer_.*\.cpp$/ }

await main(async () => {
  await script('setup.mjs')
  await mkdir(out, { recursive: true })
  const sources = await readdir(join(folder, 'cpu'))
  const checks = Object.entries(perInstructionSet).map(([name, pattern]) => [
    `${name} kernels${sanitize ? ', sanitized' : ''}`,
    () =>
      check(
        name,
        sources.filter((source) => pattern.test(source)),
      ),
  ])
  await runAll(checks)
})

async function check(name, sources) {
  const objects = []
  const compile = async (source, object, flags) => {
    objects.push(join(out, object))
    await run(compiler, [...common, ...optimization, ...flags, join(folder, source), '-o', join(out, object)])
  }
  for (const source of sources)
    for (const [set, flags] of Object.entries(instructionSets))
      await compile(join('cpu', source), `${basename(source)}.${set}.o`, [`-DZT_ISA=${set}`, ...flags])
  for (const source of ['cpu/isa.cpp', `cpu/${name}.cpp`, `tests/${name}_test.cpp`])
    await compile(source, `${basename(source)}.o`, [])
  const program = join(out, `${name}_test`)
  const sanitizers = sanitize ? ['-fsanitize=address,undefined'] : []
  await run(compiler, ['-fopenmp', ...sanitizers, ...objects, '-o', program])
  await run(program, [])
}
