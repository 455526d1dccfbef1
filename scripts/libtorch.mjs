/** Finds libtorch, or fetches it once into a per-user cache: pinned, checked, unpacked as far as needed, atomic. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { withLock } from './lock.mjs'
import { capture, progress, root, SetupError } from './steps.mjs'
import { HOST_PLATFORM } from './toolchain.mjs'

export const pins = JSON.parse(readFileSync(new URL('libtorch.json', import.meta.url), 'utf8'))

/** Written last, before the folder takes its name: a folder with it is complete. */
const MARKER = 'complete.json'

export function cacheFolder() {
  const { ZOETROPE_CACHE, XDG_CACHE_HOME } = process.env
  return ZOETROPE_CACHE ? resolve(ZOETROPE_CACHE) : join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'zoetrope')
}

/** Where the libtorch with exactly these pins lies, or will lie. */
function destination(platform) {
  const digest = createHash('sha256').update(JSON.stringify(pins.wheels[platform])).digest('hex')
  return join(cacheFolder(), `libtorch-${pins.version}-${digest.slice(0, 8)}`)
}

/** The libtorch that LIBTORCH names, else the one in the cache, else undefined. LIBTORCH is for this machine's processor. */
export function findLibtorch(platform = HOST_PLATFORM) {
  if (process.env.LIBTORCH && platform === HOST_PLATFORM) return checkedLibtorch(resolve(process.env.LIBTORCH))
  const folder = destination(platform)
  return existsSync(join(folder, MARKER)) ? join(folder, 'torch') : undefined
}

function checkedLibtorch(folder) {
  const remedy = `Unset LIBTORCH to let set-up fetch ${pins.version}, or set it to a libtorch ${pins.version}.`
  const headers = ['include/torch/headeronly/version.h', 'include/torch/csrc/api/include/torch/version.h']
  const header = headers.map((name) => join(folder, name)).find((name) => existsSync(name))
  if (header === undefined) {
    throw new SetupError(`LIBTORCH is ${folder}, which holds no libtorch: ${headers[0]} is missing.\n${remedy}`)
  }
  const text = readFileSync(header, 'utf8')
  const found = ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => text.match(new RegExp(`#define TORCH_VERSION_${part} (\\d+)`))?.[1] ?? '?')
    .join('.')
  if (found !== pins.version) {
    throw new SetupError(`LIBTORCH is ${folder}, which is libtorch ${found}; ${pins.version} is needed.\n${remedy}`)
  }
  if (!existsSync(join(folder, 'lib', 'libtorch_cpu.so'))) {
    throw new SetupError(`LIBTORCH is ${folder}, where lib/libtorch_cpu.so is missing.\n${remedy}`)
  }
  return folder
}

/** Downloads, checks and unpacks libtorch into the cache, and returns its folder. */
export async function fetchLibtorch(platform = HOST_PLATFORM) {
  const cache = cacheFolder()
  try {
    await mkdir(cache, { recursive: true })
    const onWait = (pid) => console.log(`Another set-up (process ${pid}) is fetching libtorch; waiting for it`)
    const find = async () => findLibtorch(platform) ?? (await fetchInto(cache, platform))
    return await withLock(join(cache, 'libtorch.lock'), onWait, find)
  } catch (error) {
    throw explained(error, cache)
  }
}

async function fetchInto(cache, platform) {
  const pinned = pins.wheels[platform]
  await removeLeftovers(cache, platform)
  await checkDisk(cache)
  const partial = await mkdtemp(join(cache, 'partial-'))
  const cleanUp = () => rmSync(partial, { recursive: true, force: true })
  process.once('exit', cleanUp)
  const downloads = join(cache, 'downloads')
  try {
    await mkdir(downloads, { recursive: true })
    const wheels = []
    for (const pin of pinned) wheels.push(await download(pin, downloads, partial))
    const tree = join(partial, 'tree')
    for (const [index, pin] of pinned.entries()) await unpack(pin, wheels[index], tree)
    const complete = Object.fromEntries(pinned.map((pin) => [`${pin.name}==${pin.version}`, pin.sha256]))
    await writeFile(join(tree, MARKER), `${JSON.stringify(complete, null, 2)}\n`)
    await rename(tree, destination(platform))
    await rm(downloads, { recursive: true, force: true })
  } finally {
    cleanUp()
    process.removeListener('exit', cleanUp)
    await rmdir(downloads).catch(() => undefined) // stays while it holds a checked wheel, which the next run uses
  }
  return findLibtorch(platform)
}

/** Removes what a killed set-up left; the lock is held, so nobody works on it. Checked wheels stay. */
async function removeLeftovers(cache, platform) {
  const names = (await readdir(cache)).filter((name) => name.startsWith('partial-'))
  // The retries are for a pip or unpack.py that outlives its killed set-up by a moment.
  const patiently = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }
  for (const name of names) await rm(join(cache, name), patiently)
  await rm(destination(platform), { recursive: true, force: true })
}

async function checkDisk(cache) {
  const { bavail, bsize } = await statfs(cache)
  if (bavail * bsize >= pins.freeBytes) return
  throw new SetupError(
    `${cache} has ${gigabytes(bavail * bsize)} free; fetching libtorch needs ${gigabytes(pins.freeBytes)}.\n` +
      'Free some, or set ZOETROPE_CACHE to a folder on another disk.',
  )
}

/** The wheel of `pin`, downloaded by pip unless an earlier run did so. Nothing unchecked gets into `downloads`. */
async function download(pin, downloads, partial) {
  const wheel = join(downloads, `${pin.sha256}.whl`)
  if (existsSync(wheel) && (await sha256(wheel)) === pin.sha256) return wheel
  const target = join(partial, pin.name)
  await mkdir(join(target, 'tmp'), { recursive: true })
  const requirements = join(target, 'requirements.txt')
  await writeFile(requirements, `${pin.name}==${pin.version} --hash=sha256:${pin.sha256}\n`)
  const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-cache-dir', '--require-hashes']
  args.push('--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--platform', pin.platform)
  args.push('--quiet', '--dest', join(target, 'dest'), '--requirement', requirements)
  const label = `Downloading ${pin.name} ${pin.version} (${megabytes(pin.bytes)})`
  const pip = () => capture('python3', args, { env: { ...process.env, TMPDIR: join(target, 'tmp') } })
  const { code, stderr } = await progress(label, pip, async () => megabytes(await largestFile(target)))
  if (/DO NOT MATCH THE HASHES/i.test(stderr)) throw wrongHash(pin, stderr.match(/Got\s+(\w+)/)?.[1])
  if (code !== 0) throw pipFailure(pin, stderr)
  const [name] = await readdir(join(target, 'dest'))
  const found = await sha256(join(target, 'dest', name))
  if (found !== pin.sha256) throw wrongHash(pin, found)
  await rename(join(target, 'dest', name), wheel)
  return wheel
}

function wrongHash(pin, found) {
  return new SetupError(
    `${pin.name} ${pin.version} was refused: its SHA-256 is not the one that scripts/libtorch.json pins.\n` +
      `  expected ${pin.sha256}\n  received ${found}\n` +
      'The download was damaged or replaced; it is deleted. Try again, and check which package index pip is set to.',
  )
}

function pipFailure(pin, stderr) {
  if (isDiskFull(stderr)) return Object.assign(new Error(stderr), { code: 'ENOSPC' })
  const last = stderr.trim().split('\n').slice(-3).join('\n  ')
  return new SetupError(
    `pip could not download ${pin.name} ${pin.version}:\n  ${last}\n` +
      'Check the network and pip’s settings (`python3 -m pip config list`), then run it again: it goes on where it stopped.',
  )
}

async function unpack(pin, wheel, tree) {
  const args = [join(root, 'scripts', 'unpack.py'), wheel, tree, ...pin.keep]
  const { code, stderr } = await progress(`Unpacking ${pin.name}`, () => capture('python3', args))
  if (code === 0) return
  if (isDiskFull(stderr)) throw Object.assign(new Error(stderr), { code: 'ENOSPC' })
  throw new SetupError(`${pin.name} ${pin.version} could not be unpacked: ${stderr.trim()}`)
}

const isDiskFull = (text) => /no space left on device|disk quota exceeded/i.test(text)

/** The system's error about the cache folder, in words. */
function explained(error, cache) {
  const move = 'set ZOETROPE_CACHE to another folder'
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new SetupError(`The disk of ${cache} is full. Free ${gigabytes(pins.freeBytes)}, or ${move}.`)
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(error.code)) {
    return new SetupError(`${cache} cannot be written to (${error.message}). Correct it, or ${move}.`)
  }
  return error
}

async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** How far a download is: pip writes the wheel under its temporary folder. */
async function largestFile(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Math.max(0, ...(await Promise.all(files.map(async (file) => (await stat(file)).size))))
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`
