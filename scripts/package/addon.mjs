/** Compiles the two addons of a platform as they are published: for the oldest system, without paths of this machine. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fetchLibtorch, findLibtorch } from '../libtorch.mjs'
import { capture, root, run, SetupError } from '../steps.mjs'
import { checkRust } from '../toolchain.mjs'
import { makeSysroot, writeCompilers } from './sysroot.mjs'

const folder = join(root, 'target', 'prebuilt')

/** Returns the paths of the addon and of the loader's. */
export async function buildAddon(platform) {
  const { args, env, sysroot } = await prepareBuild(platform)
  await run('cargo', ['build', ...args, '--package', 'zoetrope-napi', '--package', 'zoetrope-loader'], { env })
  const output = join(folder, platform.target, 'release')
  return { addon: join(output, 'libzoetrope_napi.so'), loader: join(output, 'libzoetrope_loader.so'), sysroot }
}

/** What a cargo command needs to build for a platform: arguments, environment, and the sysroot that it links against. */
export async function prepareBuild(platform) {
  const missing = await missingTools(platform)
  if (missing !== undefined) throw new SetupError(missing)
  const { key, target, debian, compiler = '', linker = [] } = platform
  const sysroot = await makeSysroot(debian)
  const libtorch = findLibtorch(key) ?? (await fetchLibtorch(key))
  const compilers = await writeCompilers({
    sysroot,
    debian,
    ...compilersOf(platform),
    needed: [join(libtorch, 'lib'), join(libtorch, '..', 'nvidia', 'cu13', 'lib')],
    folder: join(folder, 'compilers', debian),
  })
  const cargo = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const places = [[cargo, '/cargo'], [root, '/zoetrope'], [libtorch, '/libtorch'], [sysroot, '/sysroot']] // prettier-ignore
  const triple = target.replaceAll('-', '_')
  const flags = {
    rust: [...places.map(([from, to]) => `--remap-path-prefix=${from}=${to}`), ...linker.map((flag) => `-Clink-arg=${flag}`)], // prettier-ignore
    cxx: places.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`).join(' '),
  }
  const env = {
    ...process.env,
    LIBTORCH: libtorch,
    ZOETROPE_PREBUILT: '1',
    [`CC_${triple}`]: compilers.cc,
    [`CXX_${triple}`]: compilers.cxx,
    [`AR_${triple}`]: `${compiler}ar`,
    [`CFLAGS_${triple}`]: flags.cxx,
    [`CXXFLAGS_${triple}`]: flags.cxx,
    [`CARGO_TARGET_${triple.toUpperCase()}_LINKER`]: compilers.cxx,
    CARGO_ENCODED_RUSTFLAGS: flags.rust.join('\x1f'),
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '1',
    CARGO_PROFILE_RELEASE_DEBUG: 'false',
    CARGO_PROFILE_RELEASE_LTO: 'fat',
    CARGO_PROFILE_RELEASE_STRIP: 'symbols',
  }
  return { args: ['--release', '--target', target, '--target-dir', folder], env, sysroot, libtorch }
}

function compilersOf({ compiler }) {
  return compiler === undefined
    ? { cc: 'gcc', cxx: process.env.CXX ?? 'g++' }
    : { cc: `${compiler}gcc`, cxx: `${compiler}g++` }
}

/** What this machine lacks to build for another processor, and where to get it; `undefined` where nothing. */
export async function missingTools(platform) {
  if (platform.compiler === undefined) return checkRust(platform.rust) // `npm run setup` looks for the others of its own
  const { cxx } = compilersOf(platform)
  const { code } = await capture(cxx, ['--version'])
  if (code !== 0) return `${cxx} was not found.\n  Get it: \`apt install g++-${platform.compiler.slice(0, -1)}\`.`
  const { stdout } = await capture('rustc', ['--print', 'target-libdir', '--target', platform.target], { cwd: root })
  if (existsSync(stdout.trim())) return undefined
  return `Rust has no standard library for ${platform.target}.\n  Get it: \`rustup target add ${platform.target}\`.`
}
