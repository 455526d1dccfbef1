/**
 * `npm run package`: builds the packages of a release into artifacts/, and checks what must hold of each.
 * That is for this machine's platform. `-- --platform linux-arm64` builds for another one, `-- --all` for every one.
 * `npm run package -- --facade` packs the JavaScript package alone, which needs no compiler.
 * `npm run package -- --as-built` packs what `npm run build` made, for systems like this one, into build/as-built/: for
 * trying, not for publishing.
 */
import { copyFile, cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { buildFacade } from '../facade.mjs'
import { capture, main, root, script, SetupError } from '../steps.mjs'
import { HOST_PLATFORM } from '../toolchain.mjs'
import { buildAddon } from './addon.mjs'
import { checkConsumers } from './check.mjs'
import { checkAddon, checkManifest, checkSize } from './gates.mjs'
import { assembleLibtorch, describeFiles, writeJson } from './libtorch.mjs'
import { thirdPartyNotices } from './notices.mjs'
import { BUDGETS, common, FLOOR, manifest, PLATFORMS } from './packages.mjs'

const staging = join(root, 'build', 'packages')
const OPTIONS = {
  facade: { type: 'boolean', default: false },
  'as-built': { type: 'boolean', default: false },
  platform: { type: 'string', multiple: true, default: [HOST_PLATFORM] },
  all: { type: 'boolean', default: false },
}
const { facade: isFacadeAlone, 'as-built': isAsBuilt, ...asked } = parseArgs({ options: OPTIONS }).values
const artifacts = join(root, ...(isAsBuilt ? ['build', 'as-built'] : ['artifacts']))

await main(async () => {
  const platforms = chosen()
  await rm(join(root, 'dist'), { recursive: true, force: true }) //      a module that was removed is not packed
  if (isFacadeAlone || !platforms.includes(PLATFORMS[HOST_PLATFORM])) await buildFacade()
  else await script('build.mjs')
  await rm(staging, { recursive: true, force: true })
  await rm(artifacts, { recursive: true, force: true })
  await mkdir(artifacts, { recursive: true })
  const problems = []
  const packed = []
  for (const platform of isFacadeAlone ? [] : platforms) {
    const built = isAsBuilt ? ownBuild(platform) : await buildAddon(platform)
    const libtorch = join(staging, platform.libtorch.name)
    problems.push(...(await assembleLibtorch({ folder: libtorch, platform, sysroot: built.sysroot })))
    const addon = join(staging, platform.addon)
    problems.push(...(await assembleAddon(addon, platform, built)))
    packed.push({ folder: addon, budget: BUDGETS.addon }, { folder: libtorch, budget: BUDGETS.libtorch })
  }
  const facade = join(staging, manifest.name)
  problems.push(...(await assembleRoot(facade, platforms)))
  packed.unshift({ folder: facade, budget: BUDGETS.root })
  const rows = []
  for (const { folder, budget } of packed) {
    const row = await pack(folder, budget === BUDGETS.addon && !isAsBuilt)
    if (folder === facade) problems.push(...(await checkConsumers(row.file)))
    problems.push(...checkSize({ ...row, budget }))
    rows.push({ package: row.name, version: row.version, 'packed MB': megabytes(row.bytes), 'unpacked MB': megabytes(row.unpacked), 'budget MB': megabytes(budget) }) // prettier-ignore
  }
  console.table(rows)
  await writeJson(join(artifacts, 'packages.json'), rows)
  if (problems.length > 0 && !isAsBuilt) throw new SetupError(problems.join('\n'))
})

/** The platforms that the arguments ask for. */
function chosen() {
  if (isAsBuilt) return [PLATFORMS[HOST_PLATFORM]]
  const known = Object.keys(PLATFORMS)
  return (asked.all ? known : asked.platform).map((key) => {
    if (known.includes(key)) return PLATFORMS[key]
    throw new SetupError(`Expected a platform for --platform (${known.join(', ')}), received '${key}'`)
  })
}

/** What `npm run build` made: it runs on systems like this one. */
function ownBuild({ os, cpu }) {
  const [addon, loader] = ['zoetrope', 'zoetrope-loader'].map((name) => join(root, `${name}.${os}-${cpu}-gnu.node`))
  return { addon, loader, sysroot: undefined }
}

async function assembleAddon(folder, platform, { addon, loader }) {
  await mkdir(folder, { recursive: true })
  await copyFile(addon, join(folder, 'zoetrope.node'))
  await copyFile(loader, join(folder, 'loader.node'))
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  await writeFile(join(folder, 'THIRD-PARTY-NOTICES.txt'), await thirdPartyNotices(platform.target))
  const description = {
    name: platform.addon,
    version: manifest.version,
    description: `The native half of zoetrope for ${platform.os}-${platform.cpu} with glibc ≥ ${FLOOR.glibc}.`,
    ...common,
    os: [platform.os],
    cpu: [platform.cpu],
    libc: ['glibc'],
    engines: manifest.engines,
    config: FLOOR,
    preferUnplugged: true, //                yarn's zip files: the dynamic linker cannot read them
    files: ['*.node', 'manifest.json', 'LICENSE', 'THIRD-PARTY-NOTICES.txt'],
    dependencies: { [platform.libtorch.name]: platform.libtorch.version },
  }
  await writeJson(join(folder, 'package.json'), description)
  const files = await describeFiles(folder, ['zoetrope.node', 'loader.node'])
  await writeJson(join(folder, 'manifest.json'), { files })
  const leaks = [homedir(), root]
  const checks = ['zoetrope.node', 'loader.node'].map((name) => checkAddon(join(folder, name), leaks))
  return [...checkManifest(description), ...(await Promise.all(checks)).flat()]
}

/** The JavaScript package: the clone's manifest without what only a clone needs, the addons as optional dependencies. */
async function assembleRoot(folder, platforms) {
  await mkdir(folder, { recursive: true })
  for (const name of manifest.files) await cp(join(root, name), join(folder, name), { recursive: true })
  for (const name of ['LICENSE', 'README.md']) await copyFile(join(root, name), join(folder, name))
  const { scripts: _scripts, devDependencies: _tools, napi: _napi, private: _private, ...published } = manifest
  const addons = platforms.map(({ addon }) => [addon, manifest.version])
  const description = { ...published, optionalDependencies: Object.fromEntries(addons) }
  await writeJson(join(folder, 'package.json'), description)
  return checkManifest(description)
}

/** `isTight`: compressed by zopfli, which takes seconds and leaves a twentieth less than npm. */
async function pack(folder, isTight) {
  const { code, stdout, stderr } = await capture('npm', ['pack', '--json', '--pack-destination', artifacts], {
    cwd: folder,
  })
  if (code !== 0) throw new SetupError(`npm pack failed in ${folder}:\n${stderr}`)
  const parsed = JSON.parse(stdout)
  const [{ name, version, filename, size, unpackedSize }] = Array.isArray(parsed) ? parsed : Object.values(parsed)
  const file = filename.replace('@', '').replace('/', '-')
  const written = (await readdir(artifacts)).find((found) => found === filename || found === file)
  if (written !== file) await rename(join(artifacts, written), join(artifacts, file))
  if (isTight) await compressAgain(join(artifacts, file))
  const { size: bytes } = await stat(join(artifacts, file))
  return { name, version, file: join(artifacts, file), bytes: bytes ?? size, unpacked: unpackedSize }
}

async function compressAgain(file) {
  const tar = file.replace(/tgz$/, 'tar')
  await writeFile(tar, gunzipSync(await readFile(file)))
  const { code, stderr } = await capture('zopfli', ['--i5', tar])
  await rm(tar)
  if (code !== 0) throw new SetupError(`zopfli could not compress ${tar}: ${stderr}\n  Get it: \`apt install zopfli\`.`)
  await rename(`${tar}.gz`, file)
}

function megabytes(bytes) {
  return Number((bytes / 1e6).toFixed(2))
}
