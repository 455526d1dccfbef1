/** Each kind of files from the folder to an answer about a new one, by the command line alone. */
import { mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import test from 'ava'
import { CnnLstm } from 'zoetrope'
import { REPOSITORY, runNode } from '../helpers/child'
import { folderOf, png, tone, wav } from '../helpers/clips'
import { npy } from '../helpers/files'
import { ffmpeg, withoutFfmpeg } from '../helpers/media'
import type { ExecutionContext } from 'ava'
import type { Ending } from '../helpers/child'

const MAIN = join(REPOSITORY, 'dist', 'cli', 'main.js')
const SMALL = ['--epochs', '2', '--threads', '1', '--hidden-size', '8', '--blocks', '8', '--device', 'cpu']
const CLASSES = ['left', 'right'] as const
const PEOPLE = ['anna', 'ben', 'cleo', 'dora'] as const
const [FRAMES, WIDTH, HEIGHT] = [6, 24, 16]

async function zoetrope(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  return runNode([MAIN, ...args], { OMP_NUM_THREADS: '1', ...env })
}

/** Files of `left/anna_0…` and so on, 2 clips of each person and class. */
function eachClip<T>(make: (target: number, seed: number) => T, nameOf: (name: string) => string): Record<string, T> {
  const clips = CLASSES.flatMap((label, target) =>
    PEOPLE.flatMap((person, at) =>
      [0, 1].map((index) => [`${label}/${nameOf(`${person}_${index}`)}`, make(target, 2 * at + index)] as const),
    ),
  )
  return Object.fromEntries(clips)
}

/** A bright column that goes to the left or to the right. */
function pixel(target: number, seed: number, frame: number, x: number): number {
  const place = (seed + (target === 0 ? FRAMES - frame : frame)) * 2
  return Math.abs(x - (place % WIDTH)) < 2 ? 240 : 20
}

/** Trains, and answers one of the files; both by the command line, and the same by the library. */
async function fromFolderToAnswer(t: ExecutionContext, clips: string, file: string, kind: string): Promise<void> {
  const out = join(dirname(clips), `${basename(clips)}-model`, 'model.safetensors')
  const trained = await zoetrope(['train', clips, '-o', out, ...SMALL])
  t.is(trained.code, 0, trained.stderr)
  t.regex(trained.stdout, new RegExp(`16 clips of kind '${kind}' in 2 classes \\(left, right\\)`))
  t.regex(trained.stdout, /train 12, validation 4: split by group/)
  const predicted = await zoetrope(['predict', out, file, '--json', '--device', 'cpu'])
  t.is(predicted.code, 0, predicted.stderr)
  const answer = JSON.parse(predicted.stdout) as { label: string; probabilities: Record<string, number> }
  await using model = await CnnLstm.load(out, { device: 'cpu' })
  const [expected] = await model.predictFile(file)
  t.deepEqual(Object.values(answer.probabilities), [...expected!.probabilities])
}

test.serial('folders of PNG frames', async (t) => {
  const clips: Record<string, Buffer> = {}
  for (const [name, at] of Object.entries(
    eachClip(
      (target, seed) => ({ target, seed }),
      (clip) => clip,
    ),
  ))
    for (let frame = 0; frame < FRAMES; frame++)
      clips[`${name}/${frame}.png`] = png(WIDTH, HEIGHT, 1, (x) => pixel(at.target, at.seed, frame, x))
  const folder = folderOf(clips)
  await fromFolderToAnswer(t, folder, join(folder, 'left', 'ben_1'), 'frames')
})

test.serial('frames of several sizes become one size, which is told', async (t) => {
  const clips: Record<string, Buffer> = {}
  for (const [name, at] of Object.entries(
    eachClip(
      (target, seed) => ({ target, seed }),
      (clip) => clip,
    ),
  ))
    for (let frame = 0; frame < FRAMES; frame++)
      clips[`${name}/${frame}.png`] = png(WIDTH + 4 * at.seed, HEIGHT, 3, (x) => pixel(at.target, at.seed, frame, x))
  const folder = folderOf(clips)
  const { code, stdout, stderr } = await zoetrope(['train', folder, '-o', join(folder, 'm.safetensors'), ...SMALL])
  t.is(code, 0, stderr)
  t.regex(stdout, /samples of \[time, 3, 16, 24\]: fill, bilinear/)
})

test.serial('recordings', async (t) => {
  const make = (target: number, seed: number): Buffer => wav(tone(400 + 900 * target + 20 * seed, 0.2 + 0.02 * seed))
  const folder = folderOf(eachClip(make, (name) => `${name}.wav`))
  await fromFolderToAnswer(t, folder, join(folder, 'right', 'cleo_0.wav'), 'sound')
})

test.serial('tables', async (t) => {
  const make = (target: number, seed: number): string => {
    const rows = Array.from(
      { length: 12 + seed },
      (_, at) => `${at},${Math.sin(at + seed) + target},${target - 0.1 * at}`,
    )
    return `time,x,y\n${rows.join('\n')}\n`
  }
  const folder = folderOf(eachClip(make, (name) => `${name}.csv`))
  await fromFolderToAnswer(t, folder, join(folder, 'left', 'anna_0.csv'), 'table')
})

test.serial('arrays', async (t) => {
  const make = (target: number, seed: number): Buffer => {
    const data = Uint8Array.from({ length: FRAMES * HEIGHT * WIDTH }, (_, at) =>
      pixel(target, seed, Math.floor(at / (HEIGHT * WIDTH)), at % WIDTH),
    )
    return npy('|u1', [FRAMES, 1, HEIGHT, WIDTH], data)
  }
  const folder = folderOf(eachClip(make, (name) => `${name}.npy`))
  await fromFolderToAnswer(t, folder, join(folder, 'left', 'anna_0.npy'), 'array')
})

if (withoutFfmpeg === undefined) {
  test.serial('videos, and what is said where FFmpeg is missing', async (t) => {
    const folder = folderOf({})
    for (const [name, at] of Object.entries(
      eachClip(
        (target, seed) => ({ target, seed }),
        (clip) => `${clip}.mp4`,
      ),
    )) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      const raw = Buffer.alloc(FRAMES * HEIGHT * WIDTH)
      for (let place = 0; place < raw.length; place++)
        raw[place] = pixel(at.target, at.seed, Math.floor(place / (HEIGHT * WIDTH)), place % WIDTH)
      const input = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${WIDTH}x${HEIGHT}`, '-r', '10', '-i', 'pipe:']
      ffmpeg([...input, '-pix_fmt', 'yuv420p', join(folder, name)], raw)
    }
    await fromFolderToAnswer(t, folder, join(folder, 'left', 'dora_1.mp4'), 'frames')
    const without = await zoetrope(['train', folder, '-o', join(folder, 'm.safetensors'), ...SMALL], { PATH: folder })
    t.is(without.code, 1)
    t.regex(without.stderr, /Install FFmpeg: `sudo apt install ffmpeg`/)
  })

  test.serial('recordings of FLAC', async (t) => {
    const folder = folderOf(eachClip((target, seed) => wav(tone(400 + 900 * target + 20 * seed, 0.3)), (name) => `${name}.wav`)) // prettier-ignore
    const flacs = folderOf({})
    for (const name of Object.keys(
      eachClip(
        () => '',
        (clip) => clip,
      ),
    )) {
      mkdirSync(dirname(join(flacs, name)), { recursive: true })
      ffmpeg(['-i', join(folder, `${name}.wav`), join(flacs, `${name}.flac`)])
    }
    await fromFolderToAnswer(t, flacs, join(flacs, 'left', 'anna_0.flac'), 'sound')
  })
} else {
  test(`skipped, ${withoutFfmpeg}: videos and FLAC`, (t) => t.pass())
}
