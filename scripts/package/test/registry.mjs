/** An npm registry on loopback: what `artifacts/*.tgz` hold, and nothing else. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'
import { capture, SetupError } from '../../steps.mjs'
import { compare } from '../gates.mjs'

/** Reads what a registry knows of each tarball in `folder`: its manifest, its sums, its size. */
export async function readTarballs(folder) {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.tgz'))
  return Promise.all(names.map((name) => readTarball(join(folder, name))))
}

async function readTarball(file) {
  const { code, stdout, stderr } = await capture('tar', ['-xOzf', file, '--occurrence=1', 'package/package.json'])
  if (code !== 0) throw new SetupError(`${file} is not a package: ${stderr.trim()}`)
  const bytes = await readFile(file)
  const hash = (algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding)
  const sums = { integrity: `sha512-${hash('sha512', 'base64')}`, shasum: hash('sha1', 'hex') }
  return { file, manifest: JSON.parse(stdout), sums, modified: (await stat(file)).mtime.toISOString() }
}

/** Packuments by name: every version, and the newest as `latest`. `url` is the registry's, without a slash at its end. */
export function packuments(tarballs, url) {
  const found = new Map()
  for (const { file, manifest, sums, modified } of tarballs) {
    const { name, version } = manifest
    const packument = found.get(name) ?? { _id: name, name, 'dist-tags': {}, versions: {}, time: {} }
    const dist = { ...sums, tarball: `${url}/tarballs/${basename(file)}` }
    packument.versions[version] = { ...manifest, _id: `${name}@${version}`, dist }
    packument.time[version] = modified
    const latest = packument['dist-tags'].latest
    if (latest === undefined || isNewer(version, latest)) packument['dist-tags'].latest = version
    found.set(name, packument)
  }
  return found
}

const isNewer = (version, than) => compare(version.replaceAll('-', '.'), than.replaceAll('-', '.')) > 0

/** Starts the registry on a free port and returns its address. It ends with the process. */
export async function startRegistry(tarballs) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, url).pathname).slice(1)
    const tarball = tarballs.find(({ file }) => path === `tarballs/${basename(file)}`)
    if (tarball) return void createReadStream(tarball.file).pipe(response)
    const packument = known.get(path)
    response.writeHead(packument ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(packument ?? { error: `Not found: ${path}` }))
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  server.unref()
  const url = `http://127.0.0.1:${server.address().port}`
  const known = packuments(tarballs, url)
  return url
}
