/** Clips of sound: recordings as log-mel frames, or as their samples. */
import { checkInteger, checkOptions } from '../common/checks'
import { logMel, melSettings, MEL_KEYS } from '../data/log-mel'
import { fileError } from '../data/readers/file-error'
import { inPieces } from '../data/readers/pieces'
import { readSound, readSoundHeader, resampled, resampledFrames } from './read-sound'
import { takeRows } from './reader'
import { stepsOf } from './timing'
import type { FloatArray } from '../common/nd-array'
import type { InputOptions } from '../config/input'
import type { SoundPreprocessing, TimingPreprocessing } from '../config/preprocessing'
import type { LogMelOptions } from '../data/log-mel'
import type { ClipFile } from './form'
import type { SoundHeader } from './read-sound'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ClipLength } from './timing'

/** Samples in a second, at most: those of a file's header are 32 bits. */
const HIGHEST_RATE = 2 ** 31 - 1

/** What the first recording says about all of them, where no option does. */
export async function soundPreprocessing(
  own: { readonly sampleRate?: number; readonly logMel?: Omit<LogMelOptions, 'sampleRate'> | boolean },
  timing: TimingPreprocessing,
  first: ClipFile,
): Promise<SoundPreprocessing> {
  const header = await readSoundHeader(first.path)
  const sampleRate =
    own.sampleRate === undefined ? header.sampleRate : checkInteger(own.sampleRate, 'sampleRate', 1, HIGHEST_RATE)
  const { channels } = header
  return { kind: 'sound', ...timing, sampleRate, channels, logMel: settings(own.logMel, sampleRate) }
}

function settings(
  given: Omit<LogMelOptions, 'sampleRate'> | boolean = true,
  sampleRate: number,
): SoundPreprocessing['logMel'] {
  if (given === false) return null
  return melSettings(given === true ? {} : checkOptions(given, 'logMel', MEL_KEYS), sampleRate, 'logMel.')
}

/** Reads recordings, each brought to one sample rate. */
export class SoundReader implements ClipReader {
  readonly preprocessing: SoundPreprocessing
  readonly input: InputOptions
  readonly isWhole = true

  constructor(preprocessing: SoundPreprocessing) {
    this.preprocessing = preprocessing
    this.input = { features: preprocessing.logMel?.mels ?? preprocessing.channels }
  }

  async measure(file: ClipFile): Promise<ClipLength> {
    const header = await readSoundHeader(file.path)
    this.#check(file, header)
    const { logMel: mel, sampleRate } = this.preprocessing
    const samples = resampledFrames(header, sampleRate)
    const frames = mel === null ? samples : 1 + Math.floor(samples / mel.hopLength)
    return this.#length(this.#steps(file, frames))
  }

  async read(file: ClipFile, choose: Choose): Promise<ReadClip> {
    const { logMel: mel, sampleRate } = this.preprocessing
    const read = await readSound(file.path)
    const [channels = 1, count = 0] = read.shape
    this.#check(file, { channels, frames: count })
    const recording = await resampled(file.path, read, sampleRate)
    const frames = mel === null ? await transposed(recording) : await logMel(recording, { ...mel, sampleRate })
    const steps = this.#steps(file, frames.shape[0] ?? 1)
    const length = this.#length(steps)
    return {
      array: takeRows(
        frames,
        choose(length).map((step) => steps[step] ?? 0),
      ),
      length,
    }
  }

  get #rate(): number {
    const { logMel: mel, sampleRate } = this.preprocessing
    return sampleRate / (mel?.hopLength ?? 1)
  }

  #length({ length: steps }: Uint32Array): ClipLength {
    return { steps, rate: this.#rate }
  }

  #steps({ path }: ClipFile, frames: number): Uint32Array {
    return stepsOf(path, frames, this.#rate, this.preprocessing)
  }

  #check({ path }: ClipFile, header: Omit<SoundHeader, 'sampleRate'>): void {
    const { channels, logMel: mel } = this.preprocessing
    if (header.frames === 0) throw fileError({ path }, 'sound', 'an empty recording')
    if (mel === null && header.channels !== channels) {
      throw fileError({ path }, `${channels} channels, as the first clip has,`, `${header.channels}`)
    }
  }
}

/** `[channels, frames]` as `[frames, channels]`; the event loop has its turns. */
async function transposed({ data, shape }: FloatArray): Promise<FloatArray> {
  const [channels = 1, frames = 0] = shape
  const samples = new Float32Array(data.length)
  await inPieces(frames, (start, end) => {
    for (let frame = start; frame < end; frame++)
      for (let channel = 0; channel < channels; channel++)
        samples[frame * channels + channel] = data[channel * frames + frame] ?? 0
  })
  return { data: samples, shape: [frames, channels] }
}
