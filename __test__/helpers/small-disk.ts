/** Programs that write to a disk of a few kilobytes: a file system in memory, in a namespace of their own. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { runNode } from './child'
import type { Ending } from './child'

/** Why there are none here; `undefined` where there are. */
export const withoutSmallDisks: string | undefined =
  spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0
    ? undefined
    : 'this system lets the tests mount nothing'

/** Mounts a disk, runs the program, and copies what it has left on the disk. */
const SCRIPT = `
  mount -t tmpfs -o "size=$1" none "$2" || exit 99
  place=$2 copy=$3
  shift 3
  "$@"
  code=$?
  cp -r "$place/." "$copy"
  exit $code`

/**
 * Runs Node with a disk of so many kilobytes at `place`, a folder. What is on it at the end is in the folder `left`
 * afterwards.
 */
export async function onSmallDisk(
  kilobytes: number,
  { place, left }: { readonly place: string; readonly left: string },
  args: readonly string[],
): Promise<Ending> {
  for (const folder of [place, left]) mkdirSync(folder, { recursive: true })
  const under = ['unshare', '--map-root-user', '--mount', 'sh', '-c', SCRIPT, 'sh', `${kilobytes}k`, place, left]
  return runNode([...args], { OMP_NUM_THREADS: '1' }, undefined, under)
}
