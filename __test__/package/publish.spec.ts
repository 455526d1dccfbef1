/** The order of a release, with tarballs that hold manifests alone and an `npm` that writes down what it is asked. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { REPOSITORY } from '../helpers/child'

const parent = mkdtempSync(join(tmpdir(), 'zoetrope-publish-'))
process.once('exit', () => rmSync(parent, { recursive: true, force: true }))

const ROOT = { name: 'zoetrope', version: '1.2.3', optionalDependencies: { '@zoetrope/linux-x64-gnu': '1.2.3' } }
const ADDON = { name: '@zoetrope/linux-x64-gnu', version: '1.2.3', dependencies: { '@zoetrope/libtorch': '2.11.0-1' } }
const LIBTORCH_ALONE = { '@zoetrope/libtorch': '2.11.0-1' }
const LIBTORCH = { name: '@zoetrope/libtorch', version: '2.11.0-1' }

/** Publishes tarballs of `manifests`; `published` are those that the registry has, `npm view` may fail otherwise. */
function publish(name: string, manifests: readonly object[], published: readonly string[] = [], failure = '') {
  const folder = join(parent, name)
  const log = join(folder, 'log')
  mkdirSync(join(folder, 'package'), { recursive: true })
  for (const [index, manifest] of manifests.entries()) {
    writeFileSync(join(folder, 'package', 'package.json'), JSON.stringify(manifest))
    execFileSync('tar', ['-czf', join(folder, `${index}.tgz`), '-C', folder, 'package'])
  }
  const view = published.map((spec) => `'${spec}') echo '"1"' ;;`).join(' ')
  const missing = failure === '' ? 'echo "npm error code E404" >&2' : `echo '${failure}' >&2`
  const script = `#!/bin/sh
    if [ "$1" = view ]; then case "$2" in ${view} *) ${missing}; exit 1 ;; esac
    else file=$2; shift 2; echo "$(tar -xzOf "$file" package/package.json | sed 's/.*"name":"\\([^"]*\\)".*/\\1/') $*" >> '${log}'; fi\n`
  writeFileSync(join(folder, 'npm'), script)
  chmodSync(join(folder, 'npm'), 0o755)
  const { status, stderr } = spawnSync(process.execPath, [join(REPOSITORY, 'scripts/package/publish.mjs'), folder], {
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
    encoding: 'utf8',
  })
  return { status, stderr, asked: existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [] }
}

const FLAGS = '--access public --tag latest --provenance'

test('libtorch, the addon, then the JavaScript package, whatever the names of the files', (t) => {
  const { status, stderr, asked } = publish('all', [ROOT, ADDON, LIBTORCH])
  t.is(status, 0, stderr)
  t.deepEqual(asked, [`@zoetrope/libtorch ${FLAGS}`, `@zoetrope/linux-x64-gnu ${FLAGS}`, `zoetrope ${FLAGS}`])
})

test('a prerelease does not become what `npm install zoetrope` gets', (t) => {
  const beta = { name: 'zoetrope', version: '2.0.0-beta.1', optionalDependencies: LIBTORCH_ALONE }
  const { status, stderr, asked } = publish('beta', [beta, LIBTORCH])
  t.is(status, 0, stderr)
  t.deepEqual(asked, [`@zoetrope/libtorch ${FLAGS}`, 'zoetrope --access public --tag next --provenance'])
})

test('versions that are published already are left out', (t) => {
  const { status, stderr, asked } = publish('again', [ROOT, LIBTORCH, ADDON], ['@zoetrope/libtorch@2.11.0-1'])
  t.is(status, 0, stderr)
  t.deepEqual(asked, [`@zoetrope/linux-x64-gnu ${FLAGS}`, `zoetrope ${FLAGS}`])
})

test('nothing is published where a tarball is missing, or has another version than is needed', (t) => {
  const missing = publish('missing', [ROOT, ADDON])
  t.is(missing.status, 1)
  t.regex(missing.stderr, /@zoetrope\/linux-x64-gnu needs @zoetrope\/libtorch 2\.11\.0-1: it is not among the tarballs/)
  const other = publish('other', [ROOT, ADDON, { ...LIBTORCH, version: '2.11.0-2' }])
  t.is(other.status, 1)
  t.regex(other.stderr, /needs @zoetrope\/libtorch 2\.11\.0-1: the tarball has 2\.11\.0-2/)
  t.deepEqual([...missing.asked, ...other.asked], [])
})

test('nothing is published where the registry does not answer', (t) => {
  const { status, stderr, asked } = publish('offline', [LIBTORCH], [], 'npm error code ETIMEDOUT')
  t.is(status, 1)
  t.regex(stderr, /npm cannot tell whether @zoetrope\/libtorch 2\.11\.0-1 is published:\nnpm error code ETIMEDOUT/)
  t.deepEqual(asked, [])
})
