/**
 * The libtorch package: the wheels' libraries bit for bit, so that whoever has the wheels can compare, their licences, and
 * a manifest of SHA-256 sums. Its version stays while its content does: `libtorch-PLATFORM.json` beside this file has the sums.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fetchLibtorch, findLibtorch, pins } from '../libtorch.mjs'
import { SetupError } from '../steps.mjs'
import { CONTENTS, noticeOf } from './contents.mjs'
import { checkLicenses, checkManifest } from './gates.mjs'
import { common } from './packages.mjs'

/** Fills `folder` and returns the problems found. */
export async function assembleLibtorch({ folder, platform, sysroot }) {
  const contents = CONTENTS[platform.key]
  const tree = join(findLibtorch(platform.key) ?? (await fetchLibtorch(platform.key)), '..')
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, 'lib'), { recursive: true })
  await mkdir(join(folder, 'licenses'), { recursive: true })
  for (const { from, libraries } of contents) {
    for (const name of libraries) await copyFile(join(tree, from, name), join(folder, 'lib', name))
  }
  const names = contents.flatMap(({ libraries }) => libraries)
  const files = await describeFiles(join(folder, 'lib'), names)
  const licenses = Object.assign({}, ...contents.map((content) => content.licenses))
  // Without a sysroot nothing is published.
  for (const [name, from] of Object.entries(sysroot === undefined ? {} : licenses))
    await copyFile(from(tree, sysroot), join(folder, 'licenses', name))
  await writeFile(join(folder, 'NOTICE'), noticeOf(contents))
  await writeJson(join(folder, 'manifest.json'), { libtorch: pins.version, files })
  const { name, version } = platform.libtorch
  const manifest = {
    name,
    version,
    description: `The libraries of libtorch ${pins.version} (CPU) that zoetrope runs on, for ${platform.os}-${platform.cpu}.`,
    ...common,
    license: 'SEE LICENSE IN NOTICE',
    os: [platform.os],
    cpu: [platform.cpu],
    libc: ['glibc'],
    preferUnplugged: true, //                yarn's zip files: the dynamic linker cannot read them
    files: ['lib', 'licenses', 'manifest.json', 'NOTICE'],
  }
  await writeJson(join(folder, 'package.json'), manifest)
  return [
    ...checkManifest(manifest),
    ...(await checkLicenses(folder, Object.keys(licenses))),
    ...(await hasMoved(platform, files)),
  ]
}

/** A version that is published once stays what it is: the sums of its libraries are committed. */
async function hasMoved({ key, libtorch: { name, version } }, files) {
  const path = new URL(`libtorch-${key}.json`, import.meta.url)
  const known = JSON.parse(await readFile(path, 'utf8').catch(() => '{}'))
  const sums = Object.fromEntries(Object.entries(files).map(([file, { sha256: sum }]) => [file, sum]))
  if (known.version !== version) {
    await writeJson(path, { version, sums })
    throw new SetupError(
      `${name} ${version} is new: its sums are in ${path.pathname} now. Commit them and run this again.`,
    )
  }
  const moved = Object.keys(sums).filter((file) => known.sums[file] !== sums[file])
  return moved.map((file) => `${name} ${version} holds another ${file} than before: count its version up`)
}

/** Size and SHA-256 of files, as a manifest.json holds them for the loader. */
export async function describeFiles(folder, names) {
  const files = {}
  for (const name of names) {
    const path = join(folder, name)
    files[name] = { bytes: (await stat(path)).size, sha256: await sha256(path) }
  }
  return files
}

async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

export function writeJson(path, value) {
  return writeFile(path, `${JSON.stringify(value, null, 2)}\n`)
}
