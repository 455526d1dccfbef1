/** Recordings of every format that is read. */
import { readWav } from '../data/readers/wav'
import type { WavFile } from '../data/readers/wav'

/** A recording: `[channels, frames]`, −1…1. */
export type Sound = Pick<WavFile, 'data' | 'shape' | 'sampleRate'>

/** Reads a recording whole. */
export async function readSound(path: string): Promise<Sound> {
  return readWav(path)
}
