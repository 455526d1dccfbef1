/**
 * The oldest system that a prebuilt addon runs on, as files: Debian 11's C and C++ libraries and headers. Compiled and
 * linked against them, code cannot ask for anything newer; the compiler itself stays the machine's, which knows AMX.
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readlink, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { cacheFolder } from '../libtorch.mjs'
import { capture, progress, SetupError } from '../steps.mjs'

const SUITE = 'bullseye'
/** The C++ library of that Debian. */
const GCC = '10'
const PACKAGES = ['libc6-dev', `libstdc++-${GCC}-dev`, 'linux-libc-dev', 'libgomp1', 'base-files']

/** Triples by Debian's name of the architecture. */
const TRIPLES = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/** Makes the folder once; it stays in the cache. */
export async function makeSysroot(debian) {
  const folder = join(cacheFolder(), `sysroot-${SUITE}-${debian}`)
  if (existsSync(folder)) return folder
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(cacheFolder(), { recursive: true })
  const source = `deb ${await debianMirror()} ${SUITE} main`
  // Nothing of it is ever run, so no maintainer script is: `extract` works for every architecture.
  const args = ['--variant=extract', '--mode=root', `--architectures=${debian}`, `--include=${PACKAGES.join()}`]
  const command = () => capture('mmdebstrap', [...args, SUITE, partial, source])
  const { code, stderr } = await progress(`Unpacking Debian 11's libraries (${debian})`, command)
  if (code === undefined) {
    throw new SetupError(
      'mmdebstrap was not found; it unpacks the libraries that prebuilt addons are linked against.\n  Get it: `apt install mmdebstrap`.',
    )
  }
  if (code !== 0) throw new SetupError(`mmdebstrap failed:\n${stderr.trim().split('\n').slice(-5).join('\n')}`)
  await makeLinksRelative(partial)
  await rename(partial, folder)
  return folder
}

/** The mirror that this machine's apt uses. */
export async function debianMirror() {
  const { code, stdout } = await capture('apt-get', ['indextargets', '--format', '$(LABEL)|$(SUITE)|$(REPO_URI)'])
  const lines = code === 0 ? stdout.split('\n').map((line) => line.split('|')) : []
  const main = lines.find(([label, suite]) => label === 'Debian' && !/updates|security|backports/.test(suite))
  if (main) return main[2]
  throw new SetupError('No Debian mirror is known to apt: run `apt-get update` on a Debian system first.')
}

/** An absolute link would leave the folder and name a file of the machine. */
async function makeLinksRelative(root, folder = root) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await makeLinksRelative(root, path)
    if (!entry.isSymbolicLink()) continue
    const target = await readlink(path)
    if (!target.startsWith('/')) continue
    await unlink(path)
    await symlink(relative(folder, join(root, target)), path)
  }
}

/**
 * Writes compilers that see the sysroot alone, for cargo and the cc crate, and returns their paths. `needed` are folders of
 * libraries that libtorch's own need, which the linker of a program asks for.
 */
export async function writeCompilers({ sysroot, debian, cc, cxx, needed, folder }) {
  const triple = TRIPLES[debian]
  const libraries = [join(sysroot, 'lib', triple), join(sysroot, 'usr', 'lib', triple)]
  const shared = [
    `--sysroot=${sysroot}`,
    `-B${join(sysroot, 'usr', 'lib', triple)}/`, //  the files that start a program: a cross compiler takes those of its own glibc
    `-L${join(sysroot, 'usr', 'lib', 'gcc', triple, GCC)}`,
    ...libraries.flatMap((path) => [`-L${path}`, `-Wl,-rpath-link,${path}`]),
    ...needed.map((path) => `-Wl,-rpath-link,${path}`),
  ]
  const headers = [join(sysroot, 'usr/include/c++', GCC), join(sysroot, 'usr/include', triple, 'c++', GCC)]
  const plusplus = ['-nostdinc++', ...headers.flatMap((path) => ['-isystem', path])]
  await mkdir(folder, { recursive: true })
  const write = async (name, compiler, flags) => {
    const quoted = flags.map((flag) => `'${flag.replaceAll("'", `'\\''`)}'`).join(' ')
    await writeFile(join(folder, name), `#!/bin/sh\nexec ${compiler} ${quoted} "$@"\n`)
    await chmod(join(folder, name), 0o755)
    return join(folder, name)
  }
  return { cc: await write('cc', cc, shared), cxx: await write('c++', cxx, [...plusplus, ...shared]) }
}
