/** The declarations, as TypeScript reads them in other people's projects: `__test__/types/` under each module resolution. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { REPOSITORY } from './helpers/child'

const folder = join(REPOSITORY, '__test__', 'types')
const tsc = join(REPOSITORY, 'node_modules', 'typescript', 'bin', 'tsc')

/** Everything is checked, declarations of the package too; `lib` is what a server without the DOM has. */
const STRICT = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', 'false', '--skipLibCheck', 'false'] // prettier-ignore
const PLAIN = [...STRICT, '--target', 'es2022', '--lib', 'es2022', '--types', 'node']
const NEWEST = [...STRICT, '--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node']

const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  'node16, ESM': [...PLAIN, '--module', 'node16', 'esm.mts'],
  'node16, CommonJS': [...PLAIN, '--module', 'node16', 'cjs.cts'],
  'nodenext, ESM': [...PLAIN, '--module', 'nodenext', 'esm.mts'],
  'nodenext, CommonJS': [...PLAIN, '--module', 'nodenext', 'cjs.cts'],
  bundler: [...PLAIN, '--module', 'esnext', '--moduleResolution', 'bundler', 'esm.mts'],
  'bundler, with the DOM': [
    ...PLAIN,
    '--lib',
    'es2022,dom',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    'esm.mts',
  ],
  'await using': [...NEWEST, '--module', 'nodenext', 'disposal.mts'],
}

for (const [name, args] of Object.entries(SETTINGS)) {
  test(`types: ${name}`, (t) => {
    const { status, stdout } = spawnSync(process.execPath, [tsc, '--ignoreConfig', ...args], {
      cwd: folder,
      encoding: 'utf8',
    })
    t.is(status, 0, stdout)
  })
}
