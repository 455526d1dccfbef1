/** Clips of sound: recordings as log-mel frames, or as their samples. */
import { checkOptions } from '../common/checks'
import { logMel, melSettings, MEL_KEYS } from '../data/log-mel'
import { fileError } from '../data/readers/file-error'
import { readSound } from './read-sound'
import { takeRows } from './reader'
import { stepsOf } from './timing'
import type { FloatArray } from '../common/nd-array'
import type { InputOptions } from '../config/input'
import type { SoundPreprocessing, TimingPreprocessing } from '../config/preprocessing'
import type { LogMelOptions, Recording } from '../data/log-mel'
import type { ClipFile } from './form'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ClipLength } from './timing'

/** What the first recording says about all of them. */
export async function soundPreprocessing(
  own: { readonly logMel?: Omit<LogMelOptions, 'sampleRate'> | boolean },
  timing: TimingPreprocessing,
  first: ClipFile,
): Promise<SoundPreprocessing> {
  const { sampleRate, shape } = await readSound(first.path)
  return { kind: 'sound', ...timing, sampleRate, channels: shape[0] ?? 1, logMel: settings(own.logMel, sampleRate) }
}

function settings(
  given: Omit<LogMelOptions, 'sampleRate'> | boolean = true,
  sampleRate: number,
): SoundPreprocessing['logMel'] {
  if (given === false) return null
  return melSettings(given === true ? {} : checkOptions(given, 'logMel', MEL_KEYS), sampleRate, 'logMel.')
}

/** Reads recordings of one sample rate. */
export class SoundReader implements ClipReader {
  readonly preprocessing: SoundPreprocessing
  readonly input: InputOptions
  readonly isWhole = true

  constructor(preprocessing: SoundPreprocessing) {
    this.preprocessing = preprocessing
    this.input = { features: preprocessing.logMel?.mels ?? preprocessing.channels }
  }

  async measure(file: ClipFile): Promise<ClipLength> {
    const { shape } = this.#check(file, await readSound(file.path))
    const [, samples = 0] = shape
    const { logMel: mel } = this.preprocessing
    return this.#length(this.#steps(file, mel === null ? samples : 1 + Math.floor(samples / mel.hopLength)))
  }

  async read(file: ClipFile, choose: Choose): Promise<ReadClip> {
    const recording = this.#check(file, await readSound(file.path))
    const { logMel: mel, sampleRate } = this.preprocessing
    const frames = mel === null ? transposed(recording) : await logMel(recording, { ...mel, sampleRate })
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

  #check({ path }: ClipFile, recording: Recording & FloatArray): FloatArray {
    const { sampleRate, channels, logMel: mel } = this.preprocessing
    const [own = 1, samples = 0] = recording.shape
    if (samples === 0) throw fileError({ path }, 'sound', 'an empty recording')
    if (recording.sampleRate !== sampleRate) {
      const actual = `${recording.sampleRate} Hz: bring all recordings to one sample rate (\`ffmpeg -i in.wav -ar ${sampleRate} out.wav\`)`
      throw fileError({ path }, `${sampleRate} samples in a second, as in the first clip,`, actual)
    }
    if (mel === null && own !== channels)
      throw fileError({ path }, `${channels} channels, as in the first clip,`, `${own}`)
    return recording
  }
}

/** `[channels, frames]` as `[frames, channels]`. */
function transposed({ data, shape }: FloatArray): FloatArray {
  const [channels = 1, frames = 0] = shape
  const samples = new Float32Array(data.length)
  for (let channel = 0; channel < channels; channel++)
    for (let frame = 0; frame < frames; frame++)
      samples[frame * channels + channel] = data[channel * frames + frame] ?? 0
  return { data: samples, shape: [frames, channels] }
}
