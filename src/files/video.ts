/** Videos, read by the system's `ffprobe` and `ffmpeg`. */
import { fileError } from '../data/readers/file-error'
import { allocate } from '../data/readers/pieces'
import { runProgram } from './program'
import type { NdArray } from '../common/nd-array'
import type { FramesPreprocessing, ResizeFilter } from '../config/preprocessing'

/** What a video says of itself. */
export interface Video {
  readonly path: string
  /** Of a frame that is turned upright. */
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
  /** When each frame is shown, in seconds from the first one, in order. */
  readonly times: Float64Array
  /** When the first one is shown, in seconds from the beginning of the file. */
  readonly start: number
  /** Frames in a second, on average. */
  readonly rate: number
}

/** Only files of the disk: a video may name others, by whatever protocol. */
const INPUT = ['-protocol_whitelist', 'file']
const ENTRIES =
  'stream=width,height,pix_fmt,avg_frame_rate:stream_side_data=rotation:packet=pts_time,flags:format=start_time'
const MOST_FRAMES = 2 ** 24
const MOST_BYTES = 2 ** 33

/** Size, channels and time stamps: the file is read, and nothing decoded. */
export async function probeVideo(path: string, signal: AbortSignal | undefined): Promise<Video> {
  const facts = new Map<string, string>()
  const stamps: number[] = []
  const see = (line: string): void => {
    const [section = '', ...pairs] = line.split('|')
    const values = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
    if (section !== 'packet') for (const [key, value] of values) facts.set(key.replace(/^.*:/, ''), value)
    else if (values.get('flags')?.includes('D') !== true) stamps.push(Number(values.get('pts_time') ?? NaN))
    if (stamps.length > MOST_FRAMES) throw fileError({ path }, `at most ${MOST_FRAMES} frames`, 'more')
  }
  const decoder = new TextDecoder()
  let rest = ''
  const take = (bytes: Uint8Array): boolean => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(see)
    return true
  }
  const args = ['-v', 'error', ...INPUT, '-select_streams', 'v:0', '-show_entries', ENTRIES, '-of', 'compact']
  const said = await runProgram('ffprobe', [...args, `file:${path}`], { path, signal, take })
  const [width, height] = [numberOf(facts, 'width'), numberOf(facts, 'height')]
  if (!(width >= 1 && height >= 1)) throw fileError({ path }, 'a video', said || 'no track of frames')
  if (stamps.length === 0) throw fileError({ path }, 'frames', said || 'none')
  const isTurned = Math.abs(numberOf(facts, 'rotation')) % 180 === 90
  return {
    path,
    height: isTurned ? width : height,
    width: isTurned ? height : width,
    channels: facts.get('pix_fmt')?.startsWith('gray') === true ? 1 : 3,
    ...timesOf(stamps, numberOf(facts, 'start_time'), facts.get('avg_frame_rate')),
  }
}

/**
 * The frames of these numbers, which never go back: `[time, channels, height, width]`, bytes. FFmpeg resizes; nothing is
 * decoded behind the last frame, and little before the first.
 */
export async function readVideo(
  video: Video,
  frames: Uint32Array,
  preprocessing: FramesPreprocessing,
  signal: AbortSignal | undefined,
): Promise<NdArray> {
  const { path } = video
  const { channels, size } = preprocessing
  const [first = 0, last = 0] = [frames[0], frames.at(-1)]
  const frameBytes = channels * size.height * size.width
  const shape = [frames.length, channels, size.height, size.width]
  if (frames.length * frameBytes > MOST_BYTES)
    throw fileError({ path }, `a clip of at most ${MOST_BYTES} bytes`, 'more')
  const data = allocate({ path }, Uint8Array, frames.length * frameBytes)
  const planes = channels === 1 ? [0] : [1, 2, 0] //       where FFmpeg's green, blue and red belong
  const target = new FrameWriter(data, frames, { first, frameBytes, planes })
  const args = ['-nostdin', '-v', 'error', '-threads', '1', ...seekTo(video, first), ...INPUT, '-i', `file:${path}`]
  const output = ['-map', '0:v:0', '-vsync', 'passthrough', '-frames:v', `${last - first + 1}`]
  const format = ['-vf', filterOf(preprocessing), '-f', 'rawvideo', 'pipe:1']
  const said = await runProgram('ffmpeg', [...args, ...output, ...format], {
    path,
    signal,
    take: (bytes) => target.write(bytes),
  })
  if (target.isComplete) return { data, shape }
  const actual = `${first + target.count}${said === '' ? ': the file is cut off or damaged' : ` (${said.split('\n')[0]})`}`
  throw fileError({ path }, `${last + 1} frames, as its index says,`, actual)
}

/** Puts frames where they belong as their bytes come. */
class FrameWriter {
  readonly #data: Uint8Array
  readonly #frames: Uint32Array
  readonly #first: number
  readonly #frameBytes: number
  readonly #planes: readonly number[]
  /** Places that are filled, and bytes that have come. */
  #filled = 0
  #bytes = 0

  constructor(
    data: Uint8Array,
    frames: Uint32Array,
    layout: { readonly first: number; readonly frameBytes: number; readonly planes: readonly number[] },
  ) {
    this.#data = data
    this.#frames = frames
    this.#first = layout.first
    this.#frameBytes = layout.frameBytes
    this.#planes = layout.planes
  }

  /** Whole frames that have come. */
  get count(): number {
    return Math.floor(this.#bytes / this.#frameBytes)
  }

  get isComplete(): boolean {
    return this.#filled === this.#frames.length
  }

  /** Takes bytes; says whether more are wanted. */
  write(bytes: Uint8Array): boolean {
    const planeBytes = this.#frameBytes / this.#planes.length
    for (let at = 0; at < bytes.length && !this.isComplete;) {
      const within = this.#bytes % this.#frameBytes
      const plane = Math.floor(within / planeBytes)
      const offset = within % planeBytes
      const piece = bytes.subarray(at, at + planeBytes - offset)
      if (this.#frames[this.#filled] === this.#first + this.count) {
        this.#data.set(piece, this.#filled * this.#frameBytes + (this.#planes[plane] ?? 0) * planeBytes + offset)
      }
      this.#bytes += piece.length
      at += piece.length
      if (this.#bytes % this.#frameBytes === 0) this.#finish()
    }
    return !this.isComplete
  }

  /** A frame is whole: it may be wanted several times. */
  #finish(): void {
    const number = this.#first + this.count - 1
    if (this.#frames[this.#filled] !== number) return
    const start = this.#filled++ * this.#frameBytes
    for (; this.#frames[this.#filled] === number; this.#filled++) {
      this.#data.copyWithin(this.#filled * this.#frameBytes, start, start + this.#frameBytes)
    }
  }
}

/** FFmpeg's filters: resized, then grey or planes of green, blue and red. */
function filterOf({ size, channels, resize, filter }: FramesPreprocessing): string {
  const { height, width } = size
  const scale = `scale=${width}:${height}:flags=${SCALERS[filter]}+accurate_rnd+full_chroma_int`
  const format = `format=${channels === 1 ? 'gray' : 'gbrp'}`
  if (resize === 'fit') {
    // The edges of a grey frame would be those of television, 16: they are made before it is grey.
    const pad = `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2:black`
    return `${scale}:force_original_aspect_ratio=decrease,format=gbrp,${pad},${format}`
  }
  if (resize === 'fill')
    return `${scale}:force_original_aspect_ratio=increase,${format},crop=${width}:${height}:exact=1`
  return `${scale},${format}`
}

const SCALERS: Readonly<Record<ResizeFilter, string>> = {
  nearest: 'neighbor',
  box: 'area',
  bilinear: 'bilinear',
  bicubic: 'bicubic',
  lanczos: 'lanczos',
}

/** Begins in the middle between the first frame and the one before it. */
function seekTo({ times, start }: Video, first: number): readonly string[] {
  if (first === 0) return []
  const middle = start + ((times[first - 1] ?? 0) + (times[first] ?? 0)) / 2
  return ['-ss', middle.toFixed(6)]
}

/** Time stamps in order, from 0 on; by the average rate where some are missing. */
function timesOf(stamps: readonly number[], fileStart: number, average = ''): Pick<Video, 'times' | 'start' | 'rate'> {
  const [frames = NaN, seconds = NaN] = average.split('/').map(Number)
  const said = frames / seconds
  const sorted = Float64Array.from(stamps).toSorted()
  const first = sorted[0] ?? 0
  if (sorted.some((stamp) => Number.isNaN(stamp))) {
    const rate = said > 0 && said < Infinity ? said : 1
    return { times: Float64Array.from(stamps, (_, frame) => frame / rate), start: 0, rate }
  }
  const span = (sorted.at(-1) ?? 0) - first
  const rate = span > 0 ? (sorted.length - 1) / span : said > 0 && said < Infinity ? said : 1
  return {
    times: sorted.map((stamp) => stamp - first),
    start: first - (Number.isNaN(fileStart) ? first : fileStart),
    rate,
  }
}

function numberOf(facts: ReadonlyMap<string, string>, key: string): number {
  return Number(facts.get(key) ?? NaN)
}
