/** Compiles the two addons of a platform as they are published: for the oldest system, without paths of this machine. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findLibtorch } from '../libtorch.mjs'
import { root, run } from '../steps.mjs'
import { makeSysroot, writeCompilers } from './sysroot.mjs'

/** Returns the paths of the addon and of the loader's. */
export async function buildAddon({ target, debian, cc = 'gcc', cxx = process.env.CXX ?? 'g++' }) {
  const folder = join(root, 'target', 'prebuilt')
  const sysroot = await makeSysroot(debian)
  const compilers = await writeCompilers({ sysroot, debian, cc, cxx, folder: join(folder, 'compilers', debian) })
  const libtorch = findLibtorch()
  const cargo = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const places = [[cargo, '/cargo'], [root, '/zoetrope'], [libtorch, '/libtorch'], [sysroot, '/sysroot']] // prettier-ignore
  const triple = target.replaceAll('-', '_')
  const flags = {
    rust: places.map(([from, to]) => `--remap-path-prefix=${from}=${to}`),
    cxx: places.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`).join(' '),
  }
  const env = {
    ...process.env,
    LIBTORCH: libtorch,
    ZOETROPE_PREBUILT: '1',
    [`CC_${triple}`]: compilers.cc,
    [`CXX_${triple}`]: compilers.cxx,
    [`CFLAGS_${triple}`]: flags.cxx,
    [`CXXFLAGS_${triple}`]: flags.cxx,
    [`CARGO_TARGET_${triple.toUpperCase()}_LINKER`]: compilers.cxx,
    CARGO_ENCODED_RUSTFLAGS: flags.rust.join('\x1f'),
    CARGO_PROFILE_RELEASE_DEBUG: 'false',
    CARGO_PROFILE_RELEASE_STRIP: 'symbols',
  }
  const args = ['build', '--release', '--target', target, '--target-dir', folder]
  await run('cargo', [...args, '--package', 'zoetrope-napi', '--package', 'zoetrope-loader'], { env })
  const output = join(folder, target, 'release')
  return { addon: join(output, 'libzoetrope_napi.so'), loader: join(output, 'libzoetrope_loader.so'), sysroot }
}
