/** Clean rooms: root folders of small Debian systems, without network, compiler, Python and Rust. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { capture, progress, SetupError } from '../../steps.mjs'
import { debianMirror } from '../sysroot.mjs'
import { cached } from './cached.mjs'

const SUITES = { 11: 'bullseye', 12: 'bookworm', 13: 'trixie' }

/** What Node itself needs of a system, as in its `slim` images. */
const PACKAGES = ['libstdc++6', 'libatomic1', 'ca-certificates']

/** Programs that no room may have. Perl belongs to every Debian. */
const FORBIDDEN = /^(cc|c\+\+|gcc|g\+\+|clang|make|cmake|python[\d.]*|rustc|cargo|node|npm)(-[\d.]+)?$/

/** Makes the root folder of a Debian once; it stays in the cache, and nothing writes into it later. */
export function makeRoom(debian) {
  const suite = SUITES[debian]
  return cached(`clean-room-${suite}`, async (folder) => {
    const source = `deb ${await debianMirror()} ${suite} main`
    const args = ['--variant=minbase', '--mode=root', `--include=${PACKAGES.join()}`, suite, folder, source]
    const { code, stderr } = await progress(`Making a clean room of Debian ${debian}`, () =>
      capture('mmdebstrap', args),
    )
    if (code !== 0) throw new SetupError(`mmdebstrap failed:\n${stderr.trim().split('\n').slice(-5).join('\n')}`)
    const folders = ['usr/bin', 'usr/sbin', 'usr/local/bin'].map((path) => readdir(join(folder, path)))
    const found = (await Promise.all(folders)).flat().filter((name) => FORBIDDEN.test(name))
    if (found.length === 0) return
    throw new SetupError(`The room of Debian ${debian} is not clean: it has ${found.join(', ')}`)
  })
}

/** A network with nothing but loopback, mounts and processes of its own. */
const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child']

/** What a room's programs are started with. */
export const ROOM = ['unshare', ...NAMESPACES]

/** The same for an emptied environment: without a network, where the system permits that. */
export async function emptiedPrefix() {
  const prefix = ['unshare', '--map-root-user', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
  const { code } = await capture(prefix[0], [...prefix.slice(1), 'true'])
  return code === 0 ? prefix : []
}

/** Why this machine does not let one enter rooms; `undefined` where it does. */
export async function cannotEnter() {
  if (process.getuid() !== 0) return 'only root may make and enter them'
  if ((await capture('mmdebstrap', ['--version'])).code !== 0) return 'mmdebstrap, which makes them, is not installed'
  const script = 'ip link set lo up && mount -t tmpfs none /mnt && chroot / true'
  const { code, stderr } = await capture(ROOM[0], [...ROOM.slice(1), 'sh', '-c', script])
  return code === 0 ? undefined : stderr.trim() || 'unshare was not found'
}
