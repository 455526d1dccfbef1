/** Processes that end while clips are read. */
import { chmodSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { runProgram } from '../helpers/child'
import { folderOf, png } from '../helpers/clips'
import { ffmpeg, withoutFfmpeg } from '../helpers/media'

const programs = withoutFfmpeg === undefined ? test : test.skip

programs('an exit ends the program that decodes a video', async (t) => {
  t.log(withoutFfmpeg ?? 'ffmpeg is installed')
  const folder = folderOf({ 'a/x.txt': '' })
  ffmpeg(['-f', 'lavfi', '-i', 'testsrc=size=32x24:rate=5:duration=1', join(folder, 'a/clip.mkv')])
  // A program that never says anything stands for one that hangs; it tells its number first.
  const bin = folderOf({ ffmpeg: `#!/bin/sh\necho $$ > "${folder}/pid"\nexec sleep 1000\n` })
  chmodSync(join(bin, 'ffmpeg'), 0o755)
  const env = { PATH: `${bin}${delimiter}${process.env.PATH}` }
  const { code, stderr } = await runProgram('files-exit', [folder, 'exit'], [], { env })
  t.is(code, 7, stderr)
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  while (isAlive(pid)) await setTimeout(1)
  t.pass()
})

test('a worker that is ended while images are decoded ends cleanly', async (t) => {
  const image = png(400, 300, 3, (x, y, c) => (x * y + c) % 251)
  const folder = folderOf(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`a/${at}.png`, image])))
  const { code, signal, stderr } = await runProgram('files-exit', [folder, 'worker'])
  t.deepEqual([code, signal], [0, null], stderr)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
