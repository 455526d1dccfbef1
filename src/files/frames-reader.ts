/** Clips of frames: videos, folders of images, single images. */
import { checkChannels, checkSize, RESIZE_FILTERS, RESIZE_MODES } from '../config/preprocessing'
import { checkOneOf } from '../common/checks'
import { fileError } from '../data/readers/file-error'
import { imagesIn } from './frame-folder'
import { decodeImages, imageSize } from './images'
import { stepsAt, stepsOf } from './timing'
import { readVideo } from './video'
import { factsOf } from './video-facts'
import type { InputOptions } from '../config/input'
import type { FramesPreprocessing, TimingPreprocessing } from '../config/preprocessing'
import type { ClipFile } from './form'
import type { Choose, ClipReader, ReadClip } from './reader'
import type { ClipLength } from './timing'

/** Size and channels are the first clip's where no option says otherwise; then all frames must have this size. */
export async function framesPreprocessing(
  own: Readonly<Record<string, unknown>>,
  timing: TimingPreprocessing,
  first: ClipFile,
): Promise<FramesPreprocessing> {
  const given = {
    size: own.size === undefined ? undefined : checkSize(own.size, 'size'),
    channels: own.channels === undefined ? undefined : checkChannels(own.channels, 'channels'),
    resize: own.resize === undefined ? undefined : checkOneOf(own.resize, 'resize', RESIZE_MODES),
    filter: own.filter === undefined ? undefined : checkOneOf(own.filter, 'filter', RESIZE_FILTERS),
  }
  const { height, width, channels } = await lookAt(first)
  const isSized = given.size !== undefined || given.resize !== undefined
  return {
    kind: 'frames',
    ...timing,
    size: given.size ?? { height, width },
    channels: given.channels ?? channels,
    resize: given.resize ?? (isSized ? 'fill' : null),
    filter: given.filter ?? 'bilinear',
  }
}

async function lookAt(
  file: ClipFile,
): Promise<{ readonly height: number; readonly width: number; readonly channels: 1 | 3 }> {
  if (file.form === 'video') return factsOf(file, undefined)
  const [image = file.path] = file.form === 'folder' ? await imagesIn(file.path) : [file.path]
  return imageSize(image)
}

/** Reads videos and images into frames of `[time, channels, height, width]`, bytes. */
export class FramesReader implements ClipReader {
  readonly preprocessing: FramesPreprocessing
  readonly input: InputOptions
  /** Of images only those that are wanted are decoded, and of videos nothing behind the last frame. */
  readonly isWhole = false

  constructor(preprocessing: FramesPreprocessing) {
    const { size, channels } = preprocessing
    this.preprocessing = preprocessing
    this.input = { channels, ...size }
  }

  async measure(file: ClipFile, signal: AbortSignal | undefined): Promise<ClipLength> {
    if (file.form === 'video') {
      const { times, rate } = await factsOf(file, signal)
      return { steps: stepsAt(times, this.preprocessing).length, rate }
    }
    const count = file.frames ?? (await imagesOf(file)).length
    return this.#length(this.#steps(file, count))
  }

  async read(file: ClipFile, choose: Choose, signal: AbortSignal | undefined): Promise<ReadClip> {
    if (file.form === 'video') return this.#readVideo(file, choose, signal)
    const images = await imagesOf(file)
    const steps = this.#steps(file, images.length)
    const length = this.#length(steps)
    const chosen = Array.from(choose(length), (step) => images[steps[step] ?? 0] ?? file.path)
    return { array: await decodeImages(chosen, this.preprocessing), length }
  }

  async #readVideo(file: ClipFile, choose: Choose, signal: AbortSignal | undefined): Promise<ReadClip> {
    const { path } = file
    const video = await factsOf(file, signal)
    const { size, resize } = this.preprocessing
    if (resize === null && (video.height !== size.height || video.width !== size.width)) {
      const actual = `${video.width} × ${video.height}; set \`size\`, and all are resized to it`
      throw fileError({ path }, `frames of ${size.width} × ${size.height} pixels, as the first clip's`, actual)
    }
    const steps = stepsAt(video.times, this.preprocessing)
    const length = { steps: steps.length, rate: video.rate }
    const frames = choose(length).map((step) => steps[step] ?? 0)
    return { array: await readVideo(video, frames, this.preprocessing, signal), length }
  }

  #length({ length: steps }: Uint32Array): ClipLength {
    return { steps, rate: this.preprocessing.rate ?? undefined }
  }

  #steps({ path }: ClipFile, images: number): Uint32Array {
    return stepsOf(path, images, this.preprocessing.rate ?? undefined, this.preprocessing)
  }
}

async function imagesOf({ path, form }: ClipFile): Promise<readonly string[]> {
  return form === 'image' ? [path] : imagesIn(path)
}
