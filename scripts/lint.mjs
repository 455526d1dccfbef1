/** `npm run lint`: every linter, and every formatter in check mode. */
import { kernels } from './kernels.mjs'
import { checkRooms } from './rooms.mjs'
import { HOST_TARGET } from './toolchain.mjs'
import { bin, main, run, runAll, script } from './steps.mjs'

await main(async () => {
  await script('setup.mjs')
  await runAll([
    // The facade's declarations in dist/ are what the type-aware rules know about the tests' imports.
    ['tsc', () => bin('tsc', ['--project', 'tsconfig.json'])],
    ['tsc of zoetrope/decode', () => bin('tsc', ['--project', 'tsconfig.decode.json', '--noEmit'])],
    ['tsc of the tests', () => bin('tsc', ['--project', '__test__/tsconfig.json', '--noEmit'])],
    ['rooms', checkRooms],
    ['oxlint', () => bin('oxlint', [])],
    ['prettier', () => bin('prettier', ['--check', '.'])],
    ['clang-format', () => bin('clang-format', ['--dry-run', '--Werror', ...kernels()])],
    ['cargo fmt', () => run('cargo', ['fmt', '--all', '--check'])],
    [
      'cargo clippy',
      () =>
        run('cargo', [
          'clippy',
          '--release',
          '--workspace',
          '--all-targets',
          '--target',
          HOST_TARGET,
          '--',
          '-D',
          'warnings',
        ]),
    ],
  ])
})
