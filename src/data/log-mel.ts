import { types } from 'node:util'
import { checkInteger, checkNumber, checkOptions, rangeError, typeError } from '../common/checks'
import { checkNdArray, formatShape } from '../common/nd-array'
import { unwrap } from '../errors'
import { native } from '../native'
import type { FloatArray, NdArray } from '../common/nd-array'

/** Options of {@link logMel}. */
export interface LogMelOptions {
  /** Samples in a second. Default `recording.sampleRate`, which `readWav` sets. */
  readonly sampleRate?: number | undefined
  /** Samples in a window and its Fourier transform, an even number. Default the power of 2 that is next above 25 ms: 256 at 8 kHz. */
  readonly fftSize?: number | undefined
  /** Samples from one window to the next. Default 10 ms: 80 at 8 kHz. */
  readonly hopLength?: number | undefined
  /** Mel bands, the length of a frame. Default 40. */
  readonly mels?: number | undefined
  /** Where the lowest band begins, in Hz. Default 0. */
  readonly minFrequency?: number | undefined
  /** Where the highest band ends, in Hz. Default half the sample rate. */
  readonly maxFrequency?: number | undefined
  /** The least energy, a float32 of at least 2 ** -126; smaller ones are raised to it before the logarithm. Default 1e-10. */
  readonly floor?: number | undefined
}

/** A recording of `[channels, frames]` or `[frames]`, such as `readWav` gives. */
export type Recording = NdArray & { readonly sampleRate?: number | undefined }

export const MEL_KEYS = ['fftSize', 'hopLength', 'mels', 'minFrequency', 'maxFrequency', 'floor']
const KEYS = ['sampleRate', ...MEL_KEYS]
const LARGEST = 2 ** 20
/** Weights of the filter bank, `mels * (fftSize / 2 + 1)`: 1 GiB. */
const MOST_WEIGHTS = 2 ** 28
const WINDOW_SECONDS = 0.025
const HOP_SECONDS = 0.01

/**
 * Turns a recording into frames of log-mel energies, `[time, mels]` with time = 1 + ⌊frames / hopLength⌋, on a thread
 * of the package's own. Channels are averaged.
 *
 * ln(max(floor, M · |STFT|²)): a periodic Hann window centred on every hopLength-th sample, the recording continued by
 * zeros, and Slaney's mel filter bank M of area 1. The same numbers as librosa's
 * `log(maximum(floor, melspectrogram(y, sr, n_fft=fftSize, hop_length=hopLength, n_mels=mels)))`.
 *
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {RangeError} For a value out of range, also for more `mels` than a filter bank of 1 GiB has.
 * @throws {ZoetropeError} `ERR_SHAPE_MISMATCH` where shape and length do not agree, `ERR_INVALID_CONFIG` for
 * frequencies that the sample rate cannot have, a `floor` that float32 cannot hold, or for more frames than fit: 2³² samples in all windows, 2³⁰ energies.
 */
export async function logMel(recording: Recording, options: LogMelOptions = {}): Promise<FloatArray> {
  const given = checkOptions(options, 'options', KEYS)
  const { data, shape } = checkNdArray(recording, 'recording')
  if (!types.isFloat32Array(data)) throw typeError('a Float32Array', 'recording.data', data)
  if (shape.length < 1 || shape.length > 2 || data.length === 0) {
    throw rangeError('[channels, frames] or [frames], no axis empty', 'recording.shape', formatShape(shape))
  }
  const sampleRate = checkRate(given.sampleRate === undefined ? recording.sampleRate : given.sampleRate)
  const channels = shape.length === 1 ? 1 : (shape[0] ?? 1)
  return unwrap(await native().logMel(data, channels, { sampleRate, ...melSettings(given, sampleRate) }))
}

/** How frames are made of a recording: {@link LogMelOptions} with every default filled in. */
export interface MelSettings {
  readonly fftSize: number
  readonly hopLength: number
  readonly mels: number
  readonly minFrequency: number
  readonly maxFrequency: number
  readonly floor: number
}

/** Checks the options of recordings of a sample rate; `prefix` stands before their names in messages. */
export function melSettings(given: Omit<LogMelOptions, 'sampleRate'>, sampleRate: number, prefix = ''): MelSettings {
  const { fftSize = defaultFftSize(sampleRate), hopLength = Math.max(1, Math.round(sampleRate * HOP_SECONDS)) } = given
  const { mels = 40, minFrequency = 0, maxFrequency = sampleRate / 2, floor = 1e-10 } = given
  const size = checkInteger(fftSize, `${prefix}fftSize`, 2, LARGEST)
  const mostMels = Math.min(LARGEST, Math.floor(MOST_WEIGHTS / (Math.floor(size / 2) + 1)))
  return {
    fftSize: size,
    hopLength: checkInteger(hopLength, `${prefix}hopLength`, 1, LARGEST),
    mels: checkInteger(mels, `${prefix}mels`, 1, mostMels),
    minFrequency: checkNumber(minFrequency, `${prefix}minFrequency`, 0),
    maxFrequency: checkNumber(maxFrequency, `${prefix}maxFrequency`, 0),
    floor: checkNumber(floor, `${prefix}floor`, 0),
  }
}

function checkRate(rate: number | undefined): number {
  const value = checkNumber(rate, 'sampleRate', 0)
  if (value > 0) return value
  throw rangeError('a finite number above 0', 'sampleRate', rate)
}

function defaultFftSize(sampleRate: number): number {
  return 2 ** Math.max(1, Math.ceil(Math.log2(sampleRate * WINDOW_SECONDS)))
}
