/**
 * The libtorch package: the wheels' libraries bit for bit, so that whoever has the wheels can compare, their licences, and
 * a manifest of SHA-256 sums. Its version stays while its content does: `scripts/package/VERSION.json` says which.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { findLibtorch, pins } from '../libtorch.mjs'
import { SetupError } from '../steps.mjs'
import { checkLicenses, checkManifest } from './gates.mjs'
import { common } from './packages.mjs'

/** Where each library lies under the unpacked wheels. */
const LIBRARIES = {
  'libtorch_cpu.so': 'torch/lib',
  'libc10.so': 'torch/lib',
  'libgomp.so.1': 'torch/lib',
  'libcudart.so.13': 'nvidia/cu13/lib',
  'libcupti.so.13': 'nvidia/cu13/lib',
}

/** Licence texts: from the wheels, and for libgomp, which the wheel brings without one, from Debian. */
const LICENSES = {
  'libtorch-LICENSE.txt': (tree) => join(tree, `torch-${pins.version}.dist-info/licenses/LICENSE`),
  'libtorch-NOTICE.txt': (tree) => join(tree, `torch-${pins.version}.dist-info/licenses/NOTICE`),
  'cudart-LICENSE.txt': (tree) => join(tree, 'nvidia_cuda_runtime-13.0.96.dist-info/licenses/License.txt'),
  'cupti-LICENSE.txt': (tree) => join(tree, 'nvidia_cuda_cupti-13.0.85.dist-info/licenses/License.txt'),
  'libgomp-COPYRIGHT.txt': (_tree, sysroot) => join(sysroot, 'usr/share/doc/gcc-10-base/copyright'),
  'GPL-3.txt': (_tree, sysroot) => join(sysroot, 'usr/share/common-licenses/GPL-3'),
}

const NOTICE = `This package holds libraries of others, unchanged, as their wheels on PyPI hold them:

libtorch_cpu.so, libc10.so   PyTorch ${pins.version}, BSD-3-Clause (libtorch-LICENSE.txt, which also has the licences of what
                             is linked into them: oneDNN, SLEEF, FBGEMM, XNNPACK and others; libtorch-NOTICE.txt).
                             Intel's MKL is linked in under the Intel Simplified Software License.
libgomp.so.1                 GCC's OpenMP runtime, GPL-3.0 with the GCC Runtime Library Exception 3.1, which allows programs of any
                             licence to use it (libgomp-COPYRIGHT.txt, GPL-3.txt). Its source is part of GCC, gcc.gnu.org.
libcudart.so.13              NVIDIA CUDA Runtime, redistributed under Attachment A of the CUDA Toolkit's licence
                             (cudart-LICENSE.txt). libtorch_cpu.so names it; without a GPU it does nothing.
libcupti.so.13               NVIDIA CUPTI, the same (cupti-LICENSE.txt).
`

/** Fills `folder` and returns the problems found. */
export async function assembleLibtorch({ folder, platform, sysroot }) {
  const tree = join(findLibtorch(), '..')
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, 'lib'), { recursive: true })
  await mkdir(join(folder, 'licenses'), { recursive: true })
  for (const [name, from] of Object.entries(LIBRARIES)) {
    await copyFile(join(tree, from, name), join(folder, 'lib', name))
  }
  const files = await describeFiles(join(folder, 'lib'), Object.keys(LIBRARIES))
  // Without a sysroot nothing is published.
  for (const [name, from] of Object.entries(sysroot === undefined ? {} : LICENSES))
    await copyFile(from(tree, sysroot), join(folder, 'licenses', name))
  await writeFile(join(folder, 'NOTICE'), NOTICE)
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
    ...(await checkLicenses(folder, Object.keys(LICENSES))),
    ...(await hasMoved(platform, files)),
  ]
}

/** A version that is published once stays what it is: the sums of its libraries are committed. */
async function hasMoved({ os, cpu, libtorch: { name, version } }, files) {
  const path = new URL(`libtorch-${os}-${cpu}.json`, import.meta.url)
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
