/** Folders of short recordings, made by the test: tones that a model can tell apart in seconds. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chunk, riff, wavFormat } from './files'

const RATE = 8000
/** Hertz of each class. */
const TONES = { low: 400, middle: 1000, high: 2400 } as const

export interface Words {
  /** Recordings of each class and speaker. */
  readonly each?: number
  readonly classes?: readonly (keyof typeof TONES)[]
  readonly speakers?: readonly string[]
}

/** `low/anna_0.wav` … below the folder: tones of .2 to .4 s, each speaker's a little higher. */
export function writeWords(
  folder: string,
  { each = 5, classes = ['low', 'middle', 'high'], speakers = ['anna', 'ben', 'cleo', 'dora', 'emil'] }: Words = {},
): string {
  for (const name of classes) {
    mkdirSync(join(folder, name), { recursive: true })
    for (const [at, speaker] of speakers.entries()) {
      for (let index = 0; index < each; index++) {
        const tone = TONES[name] * (1 + 0.03 * at)
        writeFileSync(join(folder, name, `${speaker}_${index}.wav`), wav(tone, 0.2 + 0.05 * index))
      }
    }
  }
  return folder
}

function wav(tone: number, seconds: number): Buffer {
  const samples = Math.round(RATE * seconds)
  const data = Buffer.alloc(samples * 2)
  for (let at = 0; at < samples; at++)
    data.writeInt16LE(Math.round(9000 * Math.sin((2 * Math.PI * tone * at) / RATE)), at * 2)
  return riff([chunk('fmt ', wavFormat(1, 1, 16)), chunk('data', data)])
}
