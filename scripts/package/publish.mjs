/**
 * `node scripts/package/publish.mjs [--dry-run] [FOLDER]`: publishes the tarballs of artifacts/ so that nobody ever installs a
 * package whose dependencies are not there: libtorch, then the addons, then the JavaScript package. Versions that the registry
 * has already are left out: libtorch's moves rarely, and a release that stopped half-way can be gone on with.
 */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { capture, main, root, run, SetupError } from '../steps.mjs'

const OPTIONS = { 'dry-run': { type: 'boolean', default: false } }

await main(async () => {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const folder = resolve(positionals[0] ?? join(root, 'artifacts'))
  const packages = inOrder(await readPackages(folder))
  for (const { name, version, file, needs } of packages) {
    if (await isPublished(name, version)) {
      console.log(`${name} ${version} is published already`)
      continue
    }
    console.log(`${name} ${version}`)
    // semver calls libtorch's 2.11.0-1 a prerelease, which it is not, and npm publishes none without a tag.
    const isPrerelease = version.includes('-') && Object.keys(needs).length > 0
    const args = ['publish', file, '--access', 'public', '--tag', isPrerelease ? 'next' : 'latest']
    await run('npm', values['dry-run'] ? [...args, '--dry-run'] : [...args, '--provenance'])
  }
})

async function readPackages(folder) {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.tgz')).map((name) => join(folder, name))
  if (files.length === 0) throw new SetupError(`${folder} has no tarball: \`npm run package\``)
  return Promise.all(files.map(readPackage))
}

async function readPackage(file) {
  const { code, stdout, stderr } = await capture('tar', ['-xzOf', file, 'package/package.json'])
  if (code !== 0) throw new SetupError(`${file} holds no package: ${stderr.trim()}`)
  const { name, version, dependencies, optionalDependencies } = JSON.parse(stdout)
  return { name, version, file, needs: { ...dependencies, ...optionalDependencies } }
}

/** Each package after those that it needs, which must be there in just the versions that it names. */
function inOrder(packages) {
  const byName = new Map(packages.map((entry) => [entry.name, entry]))
  const ordered = new Set()
  const visit = (entry) => {
    for (const [name, version] of Object.entries(entry.needs)) {
      const needed = byName.get(name)
      if (needed?.version !== version) {
        const found = needed === undefined ? 'it is not among the tarballs' : `the tarball has ${needed.version}`
        throw new SetupError(`${entry.name} needs ${name} ${version}: ${found}`)
      }
      visit(needed)
    }
    ordered.add(entry)
  }
  packages.forEach(visit)
  return [...ordered]
}

async function isPublished(name, version) {
  const { code, stdout, stderr } = await capture('npm', ['view', `${name}@${version}`, 'version', '--json'])
  if (code === 0) return stdout.trim() !== ''
  if (/E404/.test(stdout + stderr)) return false
  throw new SetupError(`npm cannot tell whether ${name} ${version} is published:\n${stderr.trim()}`)
}
