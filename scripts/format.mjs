/** `npm run format`: rewrites every file in the house's format. */
import { kernels } from './kernels.mjs'
import { bin, main, run, runAll, script } from './steps.mjs'

await main(async () => {
  await script('setup.mjs')
  await runAll([
    ['prettier', () => bin('prettier', ['--write', '--log-level', 'warn', '.'])],
    ['clang-format', () => bin('clang-format', ['-i', ...kernels()])],
    ['cargo fmt', () => run('cargo', ['fmt', '--all'])],
  ])
})
