/** The registry of the clean rooms, asked as a package manager asks it. */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { REPOSITORY } from '../helpers/child'

interface Tarball {
  readonly file: string
  readonly manifest: { readonly name: string; readonly version: string }
}
interface Packument {
  readonly 'dist-tags': { readonly latest: string }
  readonly versions: Readonly<Record<string, { readonly dist: { integrity: string; shasum: string; tarball: string } }>>
}
interface Registry {
  readTarballs: (folder: string) => Promise<Tarball[]>
  packuments: (tarballs: readonly Tarball[], url: string) => ReadonlyMap<string, Packument>
  startRegistry: (tarballs: readonly Tarball[]) => Promise<string>
}

const load = async (): Promise<Registry> =>
  (await import(pathToFileURL(join(REPOSITORY, 'scripts', 'package', 'test', 'registry.mjs')).href)) as Registry

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-registry-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Packs a package with nothing in it but its manifest. */
function pack(manifest: { name: string; version: string; dependencies?: object }): void {
  const { name, version } = manifest
  mkdirSync(join(folder, 'package'), { recursive: true })
  writeFileSync(join(folder, 'package', 'package.json'), JSON.stringify(manifest))
  const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
  execFileSync('tar', ['-czf', join(folder, file), '-C', folder, 'package'])
}

test.before(() => {
  for (const version of ['1.2.9', '1.2.10', '1.0.0'])
    pack({ name: 'top', version, dependencies: { '@a/deep': '2.0.0-1' } })
  for (const version of ['2.0.0-1', '2.0.0-2']) pack({ name: '@a/deep', version })
})

test('a packument has every version, its sums, and the newest as latest', async (t) => {
  const { packuments, readTarballs } = await load()
  const found = packuments(await readTarballs(folder), 'http://registry')
  t.deepEqual([...found.keys()].toSorted(), ['@a/deep', 'top'])
  const top = found.get('top')
  t.is(top?.['dist-tags'].latest, '1.2.10')
  t.deepEqual(Object.keys(top?.versions ?? {}).toSorted(), ['1.0.0', '1.2.10', '1.2.9'])
  t.is(found.get('@a/deep')?.['dist-tags'].latest, '2.0.0-2')
  const bytes = readFileSync(join(folder, 'top-1.2.9.tgz'))
  t.deepEqual(top?.versions['1.2.9']?.dist, {
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
    shasum: createHash('sha1').update(bytes).digest('hex'),
    tarball: 'http://registry/tarballs/top-1.2.9.tgz',
  })
})

test('what is not there is an answer too', async (t) => {
  const { readTarballs, startRegistry } = await load()
  const url = await startRegistry(await readTarballs(folder))
  const missing = await fetch(`${url}/@a%2fshallow`)
  t.is(missing.status, 404)
  t.deepEqual(await missing.json(), { error: 'Not found: @a/shallow' })
  t.is((await fetch(`${url}/tarballs/other-1.0.0.tgz`)).status, 404)
})

test('npm installs from it', async (t) => {
  const { readTarballs, startRegistry } = await load()
  const url = await startRegistry(await readTarballs(folder))
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const args = ['install', 'top', '--registry', url, '--cache', join(folder, 'cache'), '--no-audit', '--no-fund']
  await promisify(execFile)('npm', args, { cwd: project })
  const installed = (name: string): unknown =>
    JSON.parse(readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8'))
  t.like(installed('top'), { version: '1.2.10' })
  t.like(installed('@a/deep'), { version: '2.0.0-1' })
})
