/** `npm test`: set-up, build, the kernels' tests, the Rust tests, then ava. `npm test -- --match='*abort*'` hands its arguments to ava. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HOST_TARGET } from './toolchain.mjs'
import { bin, main, root, run, runAll, script } from './steps.mjs'

// The bindings have no Rust tests: ava is their test.
const tested = ['zoetrope-core', 'zoetrope-media'].flatMap((name) => ['--package', name])
const rustTests = ['test', '--release', ...tested, '--target', HOST_TARGET]

await main(async () => {
  await script('build.mjs')
  await rm(join(root, 'build', '__test__'), { recursive: true, force: true }) // a spec that was removed stays removed
  await runAll([
    ['kernels', () => script('test-kernels.mjs')],
    ['cargo test', () => run('cargo', rustTests)],
    ['tests compile', () => bin('tsc', ['--project', '__test__/tsconfig.json'])],
    ['ava', () => bin('ava', process.argv.slice(2))],
  ])
})
