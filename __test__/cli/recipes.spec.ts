/**
 * The recipes of `zoetrope train` on real data, with no option but the folder: minutes, so only where they are asked for
 * by `ZOETROPE_RECIPES=1`. The data lies beside the repository; `shared/data/README.md` there says what it is.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { readNpz } from 'zoetrope'
import { REPOSITORY } from '../helpers/child'
import { png } from '../helpers/clips'
import { ffmpeg, withoutFfmpeg } from '../helpers/media'
import type { ExecutionContext } from 'ava'

const DATA = join(REPOSITORY, '..', 'shared', 'data')
const folder = mkdtempSync(join(tmpdir(), 'zoetrope-recipes-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Declares the test, or says why it is skipped. */
function recipe(path: string, title: string, run: (t: ExecutionContext, place: string) => Promise<void>): void {
  const place = join(DATA, path)
  const reason = existsSync(place) ? 'ZOETROPE_RECIPES=1 asks for it' : `${path} is not beside the repository`
  if (existsSync(place) && process.env.ZOETROPE_RECIPES === '1') {
    test.serial(title, async (t) => {
      t.timeout(3_600_000)
      await run(t, place)
    })
  } else test(`skipped, ${reason}: ${title}`, (t) => t.pass())
}

/** The accuracy of the validation part, which the command line tells. */
async function trained(t: ExecutionContext, clips: string): Promise<number> {
  const main = join(REPOSITORY, 'dist', 'cli', 'main.js')
  const began = performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'train', clips, '--json'], { cwd: folder })
  const lines = stdout.trim().split('\n')
  const facts = lines.map((line) => JSON.parse(line) as { event: string; accuracy?: number })
  const accuracy = facts.find(({ event }) => event === 'test')?.accuracy ?? NaN
  t.log(`${accuracy} after ${((performance.now() - began) / 60_000).toFixed(1)} min`)
  return accuracy
}

recipe(
  'free-spoken-digits/recordings',
  'spoken digits as WAV folders: a speaker who was never heard',
  async (t, place) => {
    const clips = join(folder, 'digits')
    for (const name of readdirSync(place).filter((file) => file.endsWith('.wav'))) {
      const [digit = '', speaker, index] = name.split('_')
      mkdirSync(join(clips, digit), { recursive: true })
      copyFileSync(join(place, name), join(clips, digit, `${speaker}_${index}`))
    }
    t.true((await trained(t, clips)) >= 0.75) //            the bar of `examples/spoken-digits.mjs` for a speaker held out
  },
)

/** Spoken colours, grey: the frames of all clips of each label one after the other, written by `write` into its folder. */
async function eachColour(
  place: string,
  into: string,
  write: (label: string, frames: Uint8Array, size: { readonly width: number; readonly height: number }) => void,
): Promise<string> {
  const arrays = await readNpz(place)
  const { data, shape } = arrays.get('X')!.toNdArray()
  const targets = Array.from(arrays.get('y')!.toTargets())
  const [, time = 0, , height = 0, width = 0] = shape
  const size = time * height * width
  const clips = join(folder, into)
  for (const [target, name] of Array.from(arrays.get('labels')!.data, String).entries()) {
    const own = targets.flatMap((other, clip) => (other === target ? [clip] : []))
    const frames = Buffer.concat(own.map((clip) => Uint8Array.from(data.subarray(clip * size, (clip + 1) * size))))
    mkdirSync(join(clips, name), { recursive: true })
    write(join(clips, name), frames, { width, height })
  }
  return clips
}

/** Frames of a clip. */
const COLOUR_FRAMES = 12
/** The bar of `examples/lip-reading.mjs`. */
const LIPS = 0.9

recipe('grid-colour4/grid_s1_colour4.npz', 'lip reading as folders of PNG folders', async (t, place) => {
  const clips = await eachColour(place, 'lips', (label, frames, { width, height }) => {
    const step = width * height
    for (let frame = 0; frame * step < frames.length; frame++) {
      const clip = join(label, `clip${Math.floor(frame / COLOUR_FRAMES)}`)
      const pixel = (x: number, y: number): number => frames[frame * step + y * width + x] ?? 0
      mkdirSync(clip, { recursive: true })
      writeFileSync(join(clip, `${frame}.png`), png(width, height, 1, pixel))
    }
  })
  t.true((await trained(t, clips)) >= LIPS)
})

if (withoutFfmpeg === undefined) {
  recipe('grid-colour4/grid_s1_colour4.npz', 'lip reading as folders of videos', async (t, place) => {
    const clips = await eachColour(place, 'videos', (label, frames, { width, height }) => {
      const count = frames.length / (width * height * COLOUR_FRAMES)
      const begins = Array.from({ length: count - 1 }, (_, clip) => (clip + 1) * COLOUR_FRAMES)
      const raw = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${width}x${height}`, '-r', '25', '-i', 'pipe:']
      const cut = ['-force_key_frames', `expr:eq(mod(n,${COLOUR_FRAMES}),0)`, '-f', 'segment', '-reset_timestamps', '1']
      const output = ['-segment_frames', begins.join(','), join(label, 'clip%04d.mp4')]
      ffmpeg([...raw, '-pix_fmt', 'yuv420p', ...cut, ...output], frames)
    })
    t.true((await trained(t, clips)) >= LIPS)
  })
} else test(`skipped, ${withoutFfmpeg}: lip reading as folders of videos`, (t) => t.pass())
