import { checkPath, checkOneOf, checkOptions, rangeError, typeError } from '../../common/checks'
import { withFile } from './bytes'
import { fileError } from './file-error'
import { readLines } from './lines'
import { Pace } from './pieces'
import { TsHeaderReader } from './ts-header'
import { readSample } from './ts-sample'
import type { Place } from './file-error'
import type { TsHeader } from './ts-header'
import type { Expected, TsSample, TsSettings } from './ts-sample'

export type { TsSample } from './ts-sample'

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

const PIECE = 2 ** 15 //             bytes of text that are read in one turn of the event loop
const COST_OF_A_LINE = 64 //         the work of a line without its values, in bytes
const MAX_HEADER_LINE = 2 ** 21 //   bytes
const MAX_SAMPLES = 2 ** 21 //       some hundred bytes each, besides their values
const SPACES = [0x20, 0x09, 0x0b, 0x0c, 0x0d]
const COMMENTS = [0x23, 0x25] //     # and %

/**
 * Reads a time-series file of the UEA and UCR archives (`.ts`): a header of `@` lines, then one sample in each line,
 * its dimensions separated by `:` and followed by its label. The text is read bit by bit; the values stay in memory.
 *
 * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read or is malformed: `details` has `path`, `line`,
 * `expected` and `actual`. Time stamps, files without labels, and dimensions of different lengths are refused; so are
 * lines of more than 2²⁸ bytes, lines of the header of more than 2²¹, more than 2¹⁶ dimensions or 2²¹ samples.
 */
export async function readTs(path: string | URL, options: ReadTsOptions = {}): Promise<TsFile> {
  options = checkOptions(options, 'options', ['as', 'missing'])
  const { as = 'vectors', missing = NaN } = options
  const isFrames = checkOneOf(as, 'as', ['vectors', 'frames']) === 'frames'
  checkMissing(missing)
  return withFile(checkPath(path), async (file) => {
    const pace = new Pace(PIECE)
    const reader = new TsHeaderReader(pace)
    const samples: TsSample[] = []
    let header: TsHeader | undefined
    let shape: Expected = { channels: undefined, time: undefined }
    let settings: TsSettings = { targets: new Map(), isFrames, missing, pace }
    let number = 0
    for await (const bytes of readLines(file)) {
      const place: Place = { ...file.place, line: ++number }
      await pace.spend(COST_OF_A_LINE)
      const line = await trim(bytes, pace)
      if (line[0] === undefined || COMMENTS.includes(line[0])) continue
      if (header === undefined) {
        if (!(await reader.read(place, headerText(place, line)))) continue
        header = reader.finish(place)
        shape = { channels: header.channels, time: header.seriesLength }
        settings = { ...settings, targets: header.classes }
      } else {
        if (samples.length >= MAX_SAMPLES) throw fileError(place, `at most ${MAX_SAMPLES} samples`, 'more')
        const sample = await readSample(place, line, shape, settings)
        const [time, channels] = sample.input.shape
        shape = { channels, time: header.isEqualLength ? time : shape.time }
        samples.push(sample)
      }
    }
    const end = { ...file.place, line: number }
    if (header === undefined) throw fileError(end, 'a line @data', 'the end of the file')
    if (shape.channels === undefined || samples.length === 0) throw fileError(end, 'samples', 'the end of the file')
    return { problemName: header.problemName, classes: [...header.classes.keys()], channels: shape.channels, samples }
  })
}

/** A line without the spaces around it. */
async function trim(line: Buffer, pace: Pace): Promise<Buffer> {
  let [start, end] = [0, line.length]
  for (; start < end && SPACES.includes(line[start] ?? 0); start++)
    if (start % PIECE === PIECE - 1) await pace.spend(PIECE)
  for (; end > start && SPACES.includes(line[end - 1] ?? 0); end--) if (end % PIECE === 0) await pace.spend(PIECE)
  return line.subarray(start, end)
}

function headerText(place: Place, line: Buffer): string {
  if (line.length <= MAX_HEADER_LINE) return line.toString('utf8').trim()
  const expected = `at most ${MAX_HEADER_LINE} bytes before @data`
  throw fileError(place, expected, `${line.length}`)
}

function checkMissing(missing: number): void {
  if (typeof missing !== 'number') throw typeError('a number', 'missing', missing)
  if (Math.abs(missing) === Infinity) throw rangeError('a finite number or NaN', 'missing', missing)
}
