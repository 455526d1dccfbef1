/** What packages are held to, and the packages of `artifacts/` where `npm run package` has made them. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { REPOSITORY } from '../helpers/child'

interface Manifest {
  readonly name: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly gypfile?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
interface Gates {
  checkAddon: (file: string, leaks: readonly string[]) => Promise<string[]>
  checkManifest: (manifest: Manifest) => string[]
  checkSize: (size: { name: string; bytes: number; budget: number }) => string[]
  compare: (version: string, other: string) => number
}
interface Packages {
  BUDGETS: { readonly root: number; readonly addon: number; readonly libtorch: number }
}
interface Scenarios {
  SCENARIOS: readonly {
    readonly name: string
    readonly node: number
    readonly debian: number
    readonly manager: string
  }[]
}

const load = async (...path: string[]): Promise<unknown> =>
  import(pathToFileURL(join(REPOSITORY, 'scripts', 'package', ...path)).href)
const gates = async (): Promise<Gates> => (await load('gates.mjs')) as Gates

test('a script that would run at installation is found', async (t) => {
  const { checkManifest } = await gates()
  t.deepEqual(checkManifest({ name: 'a', scripts: { test: 'x', start: 'x' } }), [])
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    t.deepEqual(checkManifest({ name: 'a', scripts: { [script]: 'x' } }), [`a has an install script: ${script}`])
  }
  t.deepEqual(checkManifest({ name: 'a', gypfile: true }), ['a has an install script: gypfile'])
})

test('a package above its budget is found', async (t) => {
  const { checkSize } = await gates()
  t.deepEqual(checkSize({ name: 'a', bytes: 10, budget: 10 }), [])
  t.deepEqual(checkSize({ name: 'a', bytes: 11, budget: 10 }), ['a has 11 bytes packed; its budget is 10'])
})

test('versions are compared as numbers', async (t) => {
  const { compare } = await gates()
  t.true(compare('3.4.9', '3.4.28') < 0)
  t.true(compare('2.34', '2.31') > 0)
  t.is(compare('2.31', '2.31.0'), 0)
})

test('the addon of a clone is not fit to be published: it names folders of this machine', async (t) => {
  const addon = join(REPOSITORY, `zoetrope.${process.platform}-${process.arch}-gnu.node`)
  const { checkAddon } = await gates()
  const problems = await checkAddon(addon, ['/torch/lib'])
  t.true(problems.some((problem) => /looks for libraries in '\/.*\/torch\/lib'/.test(problem)))
  t.true(problems.includes(`${addon} names /torch/lib`))
})

test('every axis of the matrix is there at least once, and no name twice', async (t) => {
  const { SCENARIOS } = (await load('test', 'scenarios.mjs')) as Scenarios
  const values = (key: 'node' | 'debian' | 'manager' | 'name'): string[] =>
    [...new Set(SCENARIOS.map((scenario) => String(scenario[key])))].toSorted()
  t.deepEqual(values('node'), ['20', '20.19', '22', '24', '26'])
  t.deepEqual(values('debian'), ['11', '12', '13'])
  t.deepEqual(values('manager'), ['npm', 'pnpm-10', 'pnpm-12', 'yarn-1', 'yarn-4'])
  t.is(values('name').length, SCENARIOS.length)
})

const artifacts = join(REPOSITORY, 'artifacts')
const packed = existsSync(artifacts) ? readdirSync(artifacts).filter((name) => name.endsWith('.tgz')) : []

;(packed.length > 0 ? test : test.skip)(
  'the packed packages run nothing at installation and depend on each other alone',
  async (t) => {
    const { checkManifest, checkSize } = await gates()
    const { BUDGETS } = (await load('packages.mjs')) as Packages
    const budgetOf = (name: string): number =>
      name.includes('/libtorch-') ? BUDGETS.libtorch : name.startsWith('@') ? BUDGETS.addon : BUDGETS.root
    for (const file of packed) {
      const path = join(artifacts, file)
      const text = execFileSync('tar', ['-xOzf', path, '--occurrence=1', 'package/package.json'], { encoding: 'utf8' })
      const manifest = JSON.parse(text) as Manifest
      t.deepEqual(checkManifest(manifest), [])
      t.deepEqual(checkSize({ name: manifest.name, bytes: statSync(path).size, budget: budgetOf(manifest.name) }), [])
      const dependencies = Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })
      const others = dependencies.filter(([name]) => !name.startsWith('@zoetrope/'))
      t.deepEqual(others, [], `${manifest.name} depends on packages of others`)
      const loose = dependencies.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      t.deepEqual(loose, [], `${manifest.name} does not pin its dependencies`)
    }
  },
)
