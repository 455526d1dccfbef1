/** Images and recordings that the tests of zoetrope-media have, and the programs of FFmpeg where they are. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './child'

const folder = join(REPOSITORY, 'crates/zoetrope-media/tests/fixtures')

/** The path of a fixture; `fixture.bytes` reads it. */
export const fixture = Object.assign((name: string): string => join(folder, name), {
  bytes: (name: string): Buffer => readFileSync(join(folder, name)),
})

/** Why there are no videos to test with; undefined where FFmpeg is installed. */
export const withoutFfmpeg =
  spawnSync('ffmpeg', ['-version']).error === undefined && spawnSync('ffprobe', ['-version']).error === undefined
    ? undefined
    : 'ffmpeg and ffprobe are not installed'

/** Runs FFmpeg; raw frames or samples come from `input`. */
export function ffmpeg(args: readonly string[], input?: Uint8Array): void {
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args], { input })
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${String(stderr)}`)
}
