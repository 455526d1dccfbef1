/** The messages, whole, for facts that this machine does not have. */
import test from 'ava'
import { internal } from '../helpers/internals'
import type { Evidence } from '../../dist/loader/evidence'
import type * as Explain from '../../dist/loader/explain'

const { errorOf } = internal('loader/explain') as typeof Explain

const PACKAGES = '/app/node_modules/@zoetrope'
const FACTS: Evidence = {
  platform: { os: 'linux', cpu: 'x64', glibc: '2.36' },
  node: 'v22.0.0',
  location: {
    opener: `${PACKAGES}/linux-x64-gnu/loader.node`,
    addon: `${PACKAGES}/linux-x64-gnu/zoetrope.node`,
    from: 'package',
    libtorch: { folder: `${PACKAGES}/libtorch-linux-x64/lib`, from: 'package' },
  },
  cause: undefined,
  version: '1.2.3',
  addonVersion: '1.2.3',
  isClone: false,
  hidesFiles: false,
  installed: ['@zoetrope/linux-x64-gnu'],
  neededGlibc: '2.31',
  missingInstructions: [],
  libtorchBefore: undefined,
  damage: undefined,
  foreignLibraries: [],
}
const ABSENT = { location: undefined, installed: [] }
const LINUX = 'The native addon does not load on linux-x64, glibc 2.36, Node v22.0.0: '

/** What is changed of {@link FACTS}, `details.reason`, and the message. */
const CASES: Readonly<Record<string, readonly [Partial<Evidence>, string, string]>> = {
  Windows: [
    { ...ABSENT, platform: { os: 'win32', cpu: 'x64', glibc: undefined } },
    'platform',
    'The native addon does not load on win32-x64, Node v22.0.0: there are prebuilt addons for linux-x64 and linux-arm64 ' +
      'only. Install and run it inside of WSL',
  ],
  macOS: [
    { ...ABSENT, platform: { os: 'darwin', cpu: 'arm64', glibc: undefined } },
    'platform',
    'The native addon does not load on darwin-arm64, Node v22.0.0: there are prebuilt addons for linux-x64 and ' +
      'linux-arm64 only. Install and run it inside of a Linux container: `docker run -it node:22`',
  ],
  'another processor': [
    { ...ABSENT, platform: { os: 'linux', cpu: 'ppc64', glibc: '2.36' } },
    'platform',
    'The native addon does not load on linux-ppc64, glibc 2.36, Node v22.0.0: there are prebuilt addons for linux-x64 ' +
      'and linux-arm64 only. Run it on a machine with one of these',
  ],
  musl: [
    { ...ABSENT, platform: { os: 'linux', cpu: 'x64', glibc: undefined } },
    'libc',
    'The native addon does not load on linux-x64, another C library than glibc, Node v22.0.0: libtorch needs glibc, and ' +
      'this system has another C library (Alpine Linux has musl). Use an image with glibc, such as `node:22-slim` in ' +
      'place of `node:22-alpine`',
  ],
  'no addon package': [
    ABSENT,
    'package-missing',
    `${LINUX}the package @zoetrope/linux-x64-gnu is not installed. Either optional dependencies were left out ` +
      '(`--omit=optional`, `--no-optional`), or the lock file was written on another system and the package manager ' +
      'follows it. Run `npm install --include=optional`; if that does not help, delete node_modules and ' +
      'package-lock.json and install again. By name it is `npm install @zoetrope/linux-x64-gnu@1.2.3`',
  ],
  'no libtorch package': [
    { location: undefined },
    'package-missing',
    `${LINUX}the package @zoetrope/libtorch-linux-x64 is not installed. Either optional dependencies were left out ` +
      '(`--omit=optional`, `--no-optional`), or the lock file was written on another system and the package manager ' +
      'follows it. Run `npm install --include=optional`; if that does not help, delete node_modules and ' +
      'package-lock.json and install again. By name it is `npm install @zoetrope/libtorch-linux-x64`',
  ],
  'node_modules of another system': [
    { location: undefined, installed: ['@zoetrope/linux-arm64-gnu'] },
    'package-missing',
    `${LINUX}the package @zoetrope/linux-x64-gnu is not installed, but @zoetrope/linux-arm64-gnu is: node_modules was ` +
      'installed on another system. Install on this system: delete node_modules, then run `npm ci`. If the lock file was ' +
      'written on the other system and `npm ci` does not help, delete package-lock.json too and run `npm install`',
  ],
  'files that --permission hides': [
    { ...ABSENT, hidesFiles: true },
    'package-missing',
    `${LINUX}the package @zoetrope/linux-x64-gnu is not installed, or Node's \`--permission\` hides it. Allow Node to ` +
      'read the folder node_modules (`--allow-fs-read=/path/to/node_modules/*`), or install the package',
  ],
  'an addon of another version': [
    { addonVersion: '1.2.2' },
    'package-version',
    `${LINUX}the package @zoetrope/linux-x64-gnu has version 1.2.2, and zoetrope 1.2.3 needs 1.2.3. Delete node_modules ` +
      'and install again, without an override of @zoetrope/linux-x64-gnu',
  ],
  'addons are disabled': [
    { cause: Object.assign(new Error('Cannot load native addon.'), { code: 'ERR_DLOPEN_DISABLED' }) },
    'addons-disabled',
    `${LINUX}this Node was told to load no native addon (Cannot load native addon). Start Node without \`--no-addons\`; ` +
      'where `--permission` is used, add `--allow-addons`',
  ],
  'an old glibc': [
    { platform: { os: 'linux', cpu: 'x64', glibc: '2.28' }, cause: new Error("version `GLIBC_2.31' not found") },
    'glibc',
    'The native addon does not load on linux-x64, glibc 2.28, Node v22.0.0: glibc 2.31 or newer is needed, and this ' +
      'system has 2.28. Use a newer distribution: Debian 11, Ubuntu 20.04, RHEL 9, Amazon Linux 2023 or later',
  ],
  'an old processor': [
    { missingInstructions: ['sse4_1'] },
    'processor',
    `${LINUX}libtorch needs a processor with sse4_1, which this one lacks. Use another machine. In a virtual machine, ` +
      'pass the processor of the host through (QEMU: `-cpu host`), or choose a model from Nehalem (2008) on',
  ],
  'another libtorch': [
    { libtorchBefore: { folder: '/opt/other/lib', version: '2.6.0' } },
    'other-library',
    `${LINUX}another package has loaded libtorch 2.6.0 into this process before (/opt/other/lib), a process can have one ` +
      'libtorch only, and Zoetrope needs 2.11.0. Use the two packages in processes of their own (`child_process.fork`), ' +
      'or have both use one libtorch 2.11.0',
  ],
  'another libgomp': [
    { foreignLibraries: ['/opt/other/libgomp.so.1'], cause: new Error('undefined symbol: GOMP_loop, version OMP_9') },
    'other-library',
    `${LINUX}another package has loaded /opt/other/libgomp.so.1 into this process before, which does not fit (undefined ` +
      'symbol: GOMP_loop, version OMP_9). Load Zoetrope before that package (calling `getNumThreads()` does it), use the ' +
      'two in processes of their own (`child_process.fork`), or have both use one libtorch by ZOETROPE_LIBTORCH',
  ],
  'another libgomp that is not to blame': [
    { foreignLibraries: ['/opt/other/libgomp.so.1'], cause: new Error('cannot allocate memory') },
    'unknown',
    `${LINUX}cannot allocate memory. Run \`npx zoetrope doctor\`, which looks at everything that is needed, or install ` +
      'the package again',
  ],
  'damaged files': [
    { damage: '/lib/libc10.so has 3 bytes instead of 5', cause: new Error('/lib/libc10.so: file too short') },
    'damaged',
    `${LINUX}/lib/libc10.so has 3 bytes instead of 5: the installation was interrupted, or something changed the file. ` +
      'Delete node_modules and install again. If that does not help, look for free space on the disk and run ' +
      '`npm cache verify`',
  ],
  'files that this user may not read': [
    { damage: '/lib/libc10.so cannot be read (EACCES: permission denied)' },
    'damaged',
    `${LINUX}/lib/libc10.so cannot be read (EACCES: permission denied). Let this user read it: ` +
      '`chmod -R a+rX node_modules`',
  ],
  'an unknown reason of another realm': [
    { cause: { message: 'libm.so.6: cannot open shared object file.\nRequire stack:\n- /app' } },
    'unknown',
    `${LINUX}libm.so.6: cannot open shared object file. Run \`npx zoetrope doctor\`, which looks at everything that is ` +
      'needed, or install the package again',
  ],
  'a clone that is not built': [
    { ...ABSENT, isClone: true },
    'clone',
    `${LINUX}this clone of the repository has no addon yet. Run \`npm run build\` in the clone`,
  ],
  'a clone whose addon is broken': [
    {
      isClone: true,
      location: { opener: '/c/l.node', addon: '/c/z.node', from: 'clone', libtorch: undefined },
      cause: new Error('/c/z.node: invalid ELF header'),
    },
    'clone',
    `${LINUX}/c/z.node: invalid ELF header. Run \`npm run build\` in the clone`,
  ],
  'an addon that the environment names': [
    {
      location: { opener: '/c/l.node', addon: '/c/x.node', from: 'environment', libtorch: undefined },
      cause: new Error('/c/x.node: file too short'),
    },
    'addon-variable',
    `${LINUX}NAPI_RS_NATIVE_LIBRARY_PATH names /c/x.node, which cannot be loaded (/c/x.node: file too short). Unset ` +
      'NAPI_RS_NATIVE_LIBRARY_PATH to use the addon of the package, or build that file again with `npm run build` in a clone',
  ],
}

for (const [name, [changes, reason, message]] of Object.entries(CASES)) {
  test(`the message: ${name}`, (t) => {
    const error = errorOf({ ...FACTS, ...changes })
    t.is(error.code, 'ERR_NATIVE_LOAD')
    t.is(error.message, message)
    t.is(error.details['reason'], reason)
  })
}

test('details have the facts, and the system’s own reason; cause is what was thrown', (t) => {
  const cause = new Error('libm.so.6: cannot open shared object file.\nRequire stack:\n- /app')
  const error = errorOf({ ...FACTS, cause })
  t.deepEqual(error.details, {
    reason: 'unknown',
    os: 'linux',
    cpu: 'x64',
    glibc: '2.36',
    node: 'v22.0.0',
    addon: `${PACKAGES}/linux-x64-gnu/zoetrope.node`,
    libtorch: `${PACKAGES}/libtorch-linux-x64/lib`,
    system: 'libm.so.6: cannot open shared object file',
  })
  t.is(error.cause, cause)
  t.false('cause' in errorOf({ ...FACTS, ...ABSENT }), 'nothing was tried')
})
