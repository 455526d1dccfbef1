/** Recordings of every format that is read: WAV by `readWav`, the others natively. */
import { extname } from 'node:path'
import { readWav, readWavHeader } from '../data/readers/wav'
import { unwrap } from '../errors'
import { native } from '../native'
import type { WavFile } from '../data/readers/wav'

/** A recording: `[channels, frames]`, −1…1. */
export type Sound = Pick<WavFile, 'data' | 'shape' | 'sampleRate'>

/** Reads a recording whole. */
export async function readSound(path: string): Promise<Sound> {
  if (extname(path).toLowerCase() === '.wav') return readWav(path)
  const { data, channels, sampleRate } = unwrap(await native().readSound(path))
  return { data, shape: [channels, data.length / channels], sampleRate }
}

/** A recording at another sample rate, by a windowed sinc; one that has it already as it is. */
export async function resampled(path: string, sound: Sound, sampleRate: number): Promise<Sound> {
  if (sound.sampleRate === sampleRate) return sound
  const [channels = 1] = sound.shape
  const { data } = unwrap(await native().resampleSound(path, sound.data, channels, sound.sampleRate, sampleRate))
  return { data, shape: [channels, data.length / channels], sampleRate }
}

/** Samples of each channel that a recording has at another sample rate. */
export function resampledFrames({ frames, sampleRate: own }: SoundHeader, sampleRate: number): number {
  return own === sampleRate ? frames : native().resampledFrames(frames, own, sampleRate)
}

/** What the header of a recording says. */
export interface SoundHeader {
  readonly channels: number
  readonly frames: number
  readonly sampleRate: number
}

/** The length of a recording, without decoding it where its header says so. */
export async function readSoundHeader(path: string): Promise<SoundHeader> {
  return extname(path).toLowerCase() === '.wav' ? readWavHeader(path) : unwrap(await native().soundLength(path))
}
