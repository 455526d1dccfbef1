/** Videos, through the system's FFmpeg. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import type { FolderDataset } from 'zoetrope'
import { folderOf, openQuietly } from '../helpers/clips'
import { failsWith } from '../helpers/expect'
import { refusesFile } from '../helpers/files'
import { ffmpeg, withoutFfmpeg } from '../helpers/media'
import type { ExecutionContext } from 'ava'

const [WIDTH, HEIGHT] = [32, 24]

/** Frame f of a video is grey of this value: far enough apart that a lossy codec keeps them apart. */
const lightOf = (frame: number): number => 16 + 20 * frame

function video(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  if (withoutFfmpeg === undefined) return test.serial(title, run)
  test.serial(`skipped, ${withoutFfmpeg}: ${title}`, (t) => t.pass())
}

/** Writes a video of `frames` grey frames. */
function writeVideo(path: string, frames: number, rate = 10, args: readonly string[] = []): void {
  const raw = Buffer.concat(Array.from({ length: frames }, (_, frame) => Buffer.alloc(WIDTH * HEIGHT, lightOf(frame))))
  const input = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${WIDTH}x${HEIGHT}`, '-r', `${rate}`, '-i', 'pipe:']
  ffmpeg([...input, ...(args.length > 0 ? args : ['-pix_fmt', 'yuv420p']), path], raw)
}

/** Which frames of {@link writeVideo}'s a sample has, by their light. */
async function framesOf(dataset: FolderDataset, index: number): Promise<number[]> {
  const { data, shape } = (await dataset.get(index)).input
  const size = data.length / (shape[0] ?? 1)
  return Array.from({ length: shape[0] ?? 0 }, (_, frame) => Math.round(((data[frame * size] ?? 0) - 16) / 20))
}

function clips(frames: number, args?: readonly string[], name = 'clip.mp4'): string {
  const folder = folderOf({ 'a/x.txt': '' })
  writeVideo(join(folder, 'a', name), frames, 10, args)
  return folder
}

video('every frame, its size and channels; lengths before decoding', async (t) => {
  const dataset = await openQuietly(clips(8))
  t.deepEqual(dataset.input, { channels: 3, height: HEIGHT, width: WIDTH })
  await failsWith(t, 'ERR_DATA', () => dataset.lengthOf(0))
  await dataset.measure()
  t.is(dataset.lengthOf(0), 8)
  t.deepEqual(await framesOf(dataset, 0), [0, 1, 2, 3, 4, 5, 6, 7])
  t.deepEqual((await dataset.get(0)).input.shape, [8, 3, HEIGHT, WIDTH])
})

video('fps by time stamps, stride, timeSteps, windows', async (t) => {
  const folder = clips(10)
  const first = async (options: Parameters<typeof openQuietly>[1]): Promise<number[]> =>
    framesOf(await openQuietly(folder, options), 0)
  t.deepEqual(await first({ fps: 5 }), [0, 2, 4, 6, 8])
  t.deepEqual((await first({ fps: 20 })).slice(0, 6), [0, 0, 1, 1, 2, 2])
  t.deepEqual(await first({ stride: 4 }), [0, 4, 8])
  t.deepEqual(await first({ timeSteps: 5 }), [1, 3, 5, 7, 9])
  t.deepEqual(await first({ maxFrames: 3 }), [0, 1, 2])
  const windows = await openQuietly(folder, { window: 0.4, unit: 'seconds' })
  t.is(windows.length, 2)
  t.deepEqual(await framesOf(windows, 1), [4, 5, 6, 7])
  t.is(windows.lengthOf(1), 4)
})

video('frames whose time stamps are uneven', async (t) => {
  // Frames 0 to 5 at 0, 1, 2, 3, 10 and 11 tenths of a second.
  const uneven = ['-vf', "setpts='(N+if(gt(N,3),6,0))/(10*TB)'", '-vsync', 'vfr', '-pix_fmt', 'yuv420p']
  const folder = clips(6, uneven, 'clip.mkv')
  const dataset = await openQuietly(folder, { fps: 5 })
  t.deepEqual((await framesOf(dataset, 0)).slice(0, 6), [0, 2, 3, 3, 3, 4])
})

video('channels are planes in the order red, green, blue; size and resize', async (t) => {
  const folder = folderOf({ 'a/x.txt': '' })
  ffmpeg([
    '-f',
    'lavfi',
    '-i',
    'color=c=0xC86432:s=40x20:r=5:d=1',
    '-c:v',
    'ffv1',
    '-pix_fmt',
    'bgr0',
    join(folder, 'a/c.mkv'),
  ])
  const read = async (options: Parameters<typeof openQuietly>[1]): Promise<number[]> => {
    const dataset = await openQuietly(folder, { maxFrames: 1, ...options })
    return Array.from((await dataset.get(0)).input.data)
  }
  const near = (actual: number[], expected: number[]): boolean =>
    actual.length === expected.length && actual.every((value, at) => Math.abs(value - (expected[at] ?? 0)) <= 2)
  const plane = (value: number, count: number): number[] => Array<number>(count).fill(value)
  t.true(near(await read({}), [...plane(200, 800), ...plane(100, 800), ...plane(50, 800)]))
  t.true(near(await read({ size: 4 }), [...plane(200, 16), ...plane(100, 16), ...plane(50, 16)]))
  const fit = await read({ size: 4, resize: 'fit', channels: 1 })
  t.is(fit[0], 0)
  t.true(near(fit.slice(4, 12), plane(124, 8)), fit.join())
})

video('grey and turned videos', async (t) => {
  t.deepEqual((await openQuietly(clips(3, ['-c:v', 'ffv1', '-pix_fmt', 'gray'], 'grey.mkv'))).input, {
    channels: 1,
    height: HEIGHT,
    width: WIDTH,
  })
  const folder = clips(3)
  ffmpeg(['-i', join(folder, 'a/clip.mp4'), '-c', 'copy', '-metadata:s:v:0', 'rotate=90', join(folder, 'a/turned.mp4')])
  const dataset = await openQuietly(folder, { size: { height: WIDTH, width: HEIGHT } })
  t.deepEqual((await dataset.get(1)).input.shape, [3, 3, WIDTH, HEIGHT])
})

video('what is no video, or cut off, is named', async (t) => {
  const folder = clips(30, ['-pix_fmt', 'yuv420p'], 'z.mkv')
  const whole = readFileSync(join(folder, 'a/z.mkv'))
  writeFileSync(join(folder, 'a/y.mp4'), 'no video')
  writeFileSync(join(folder, 'a/x.mkv'), whole)
  const dataset = await openQuietly(folder, { kind: 'frames' })
  const broken = dataset.source(1).path
  await refusesFile(t, broken, () => dataset.get(1), { message: /a file that ffprobe can read/ })
})

video('an abort ends the process that decodes; so does the end of ours', async (t) => {
  const folder = clips(3)
  // A program that never says anything stands for one that hangs; it tells its number first.
  const bin = folderOf({ ffmpeg: `#!/bin/sh\necho $$ > "${folder}/pid"\nexec sleep 1000\n` })
  chmodSync(join(bin, 'ffmpeg'), 0o755)
  const dataset = await openQuietly(folder)
  const { PATH = '' } = process.env
  process.env.PATH = `${bin}${delimiter}${PATH}`
  try {
    const reading = dataset.get(0)
    while (!existsSync(join(folder, 'pid')) || readFileSync(join(folder, 'pid')).length === 0) await setTimeout(1)
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
    t.true(isAlive(pid))
    await Promise.all([failsWith(t, 'ERR_DISPOSED', () => reading), dataset.close()])
    while (isAlive(pid)) await setTimeout(1)
    t.pass()
  } finally {
    process.env.PATH = PATH
  }
})

video('without FFmpeg an error says how to install it', async (t) => {
  const folder = clips(3)
  const { PATH = '' } = process.env
  process.env.PATH = '/nowhere'
  try {
    const error = await failsWith(t, 'ERR_DATA', () => openQuietly(folder, { onError: 'skip' }))
    t.regex(error.message, /`ffprobe`.*apt install ffmpeg/)
    t.is(error.details.program, 'ffprobe')
  } finally {
    process.env.PATH = PATH
  }
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
