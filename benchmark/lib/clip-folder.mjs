/** Class folders of clips, each a folder of JPEG frames, as a camera's: made by the system's FFmpeg. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { capture } from '../../scripts/steps.mjs'

const SOURCE = '320x240'
const QUALITY = '4' //            of 2 (best) to 31

/** Writes `clips` clips of `time` frames into `classes` class folders; says why not where FFmpeg is missing. */
export async function writeClipFolder(folder, { clips, time, classes }) {
  for (let clip = 0; clip < clips; clip++) {
    const target = join(folder, `${clip % classes}`, `clip_${clip}`)
    mkdirSync(target, { recursive: true })
    // Each clip begins elsewhere in the test picture, so that no two are the same.
    const source = ['-f', 'lavfi', '-i', `testsrc2=size=${SOURCE}:rate=25`, '-ss', `${clip / 5}`]
    const frames = ['-frames:v', `${time}`, '-q:v', QUALITY, join(target, '%04d.jpg')]
    const { code, stderr } = await capture('ffmpeg', ['-v', 'error', ...source, ...frames]).catch(failed)
    if (code !== 0) return `ffmpeg writes no JPEG frames (${stderr.trim().split('\n').at(-1)})`
  }
  return undefined
}

function failed({ message }) {
  return { code: null, stderr: message }
}
