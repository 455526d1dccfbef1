import { checkPath, checkOneOf, checkOptions, describe, rangeError, typeError } from '../../common/checks'
import { withFile } from './bytes'
import { fileError } from './file-error'
import { readLines } from './lines'
import { TsHeaderReader } from './ts-header'
import type { Sample } from '../dataset'
import type { FloatArray } from '../../common/nd-array'
import type { Place } from './file-error'
import type { TsHeader } from './ts-header'

/** Options of {@link readTs}. */
export interface ReadTsOptions {
  /**
   * The shape of a sample: `'vectors'` is `[time, channels]`; `'frames'` makes a frame of one pixel of each step,
   * `[time, channels, 1, 1]`, which a model with `input: { channels, height: 1, width: 1 }` and `cnn: []` takes.
   * Default `'vectors'`.
   */
  readonly as?: 'vectors' | 'frames' | undefined
  /** What a missing value, `?`, becomes. Default NaN, which a model refuses to learn from. */
  readonly missing?: number | undefined
}

/** A time series and its class. */
export interface TsSample extends Sample {
  /** Index of the class. */
  readonly target: number
  readonly input: FloatArray
  /** The class as it stands in the file; `target` is its place in `classes`. */
  readonly label: string
}

/** A `.ts` file. */
export interface TsFile {
  /** What `@problemName` says. */
  readonly problemName: string
  /** The labels, in the order of `@classLabel`. */
  readonly classes: readonly string[]
  /** Values in each step. */
  readonly channels: number
  /** The series in the order of the file; a `DataLoader` takes them as they are. Lengths may differ. */
  readonly samples: readonly TsSample[]
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const MISSING = /^(?:\?|nan)$/i

/**
 * Reads a time-series file of the UEA and UCR archives (`.ts`): a header of `@` lines, then one sample in each line,
 * its dimensions separated by `:` and followed by its label. The text is read bit by bit; the values stay in memory.
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read or is malformed: `details` has `path`, `line`,
 * `expected` and `actual`. Time stamps, files without labels, and dimensions of different lengths are refused.
 */
export async function readTs(path: string | URL, options: ReadTsOptions = {}): Promise<TsFile> {
  checkOptions(options, 'options', ['as', 'missing'])
  const { as = 'vectors', missing = NaN } = options
  const isFrames = checkOneOf(as, 'as', ['vectors', 'frames']) === 'frames'
  checkMissing(missing)
  return withFile(checkPath(path), async (file) => {
    const reader = new TsHeaderReader()
    const samples: TsSample[] = []
    let header: TsHeader | undefined
    let shape: Expected = { channels: undefined, time: undefined }
    let number = 0
    for await (const text of readLines(file)) {
      const place: Place = { ...file.place, line: ++number }
      const line = text.trim()
      if (line === '' || line.startsWith('#') || line.startsWith('%')) continue
      if (header === undefined) {
        if (!reader.read(place, line)) continue
        header = reader.finish(place)
        shape = { channels: header.channels, time: header.seriesLength }
      } else {
        const sample = toSample(place, line, { header, shape, isFrames, missing })
        const [time, channels] = sample.input.shape
        shape = { channels, time: header.isEqualLength ? time : shape.time }
        samples.push(sample)
      }
    }
    const end = { ...file.place, line: number }
    if (header === undefined) throw fileError(end, 'a line @data', 'the end of the file')
    if (shape.channels === undefined || samples.length === 0) throw fileError(end, 'samples', 'the end of the file')
    return { problemName: header.problemName, classes: header.classes, channels: shape.channels, samples }
  })
}

/** What the header or the samples so far say about the next. */
interface Expected {
  readonly channels: number | undefined
  readonly time: number | undefined
}

interface SampleSettings {
  readonly header: TsHeader
  readonly shape: Expected
  readonly isFrames: boolean
  readonly missing: number
}

function toSample(place: Place, line: string, { header, shape, isFrames, missing }: SampleSettings): TsSample {
  const dimensions = line.split(':')
  const label = dimensions.pop()?.trim() ?? ''
  const channels = dimensions.length
  if (channels === 0 || channels !== (shape.channels ?? channels)) {
    throw fileError(place, `${shape.channels ?? 'at least 1'} dimensions and a label, separated by ':',`, `${channels}`)
  }
  const target = header.classes.indexOf(label)
  if (target < 0) throw fileError(place, `a label of ${header.classes.join(', ')}`, describe(label))
  const series = dimensions.map((dimension) => dimension.split(','))
  const time = series[0]?.length ?? 0
  if (time !== (shape.time ?? time)) throw fileError(place, `${shape.time} steps, as the header says,`, `${time}`)
  const data = new Float32Array(time * channels)
  for (const [channel, values] of series.entries()) {
    if (values.length !== time) {
      throw fileError(place, `${time} values in dimension ${channel + 1}, as in the first,`, `${values.length}`)
    }
    for (const [step, value] of values.entries()) {
      data[step * channels + channel] = toValue(place, value.trim(), { channel, step, missing }) //  [time, channels]
    }
  }
  return { input: { data, shape: isFrames ? [time, channels, 1, 1] : [time, channels] }, target, label }
}

function toValue(
  place: Place,
  text: string,
  { channel, step, missing }: { readonly channel: number; readonly step: number; readonly missing: number },
): number {
  const value = NUMBER.test(text) ? Math.fround(Number(text)) : NaN
  if (Number.isFinite(value)) return value
  if (MISSING.test(text)) return missing
  throw fileError(place, `a float32 number or ? as value ${step + 1} of dimension ${channel + 1}`, describe(text))
}

function checkMissing(missing: number): void {
  if (typeof missing !== 'number') throw typeError('a number', 'missing', missing)
  if (Math.abs(missing) === Infinity) throw rangeError('a finite number or NaN', 'missing', missing)
}
