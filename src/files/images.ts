/** JPEG and PNG files, decoded natively on threads of their own. */
import { unwrap } from '../errors'
import { native } from '../native'
import type { NdArray } from '../common/nd-array'
import type { FramesPreprocessing } from '../config/preprocessing'

/** Images as frames of `[time, channels, height, width]`, bytes. */
export async function decodeImages(
  paths: readonly string[],
  { size, channels, resize, filter }: FramesPreprocessing,
): Promise<NdArray> {
  const options = { ...size, channels, ...(resize !== null && { resize }), filter }
  const data = unwrap(await native().decodeImages([...paths], options))
  return { data, shape: [paths.length, channels, size.height, size.width] }
}

/** What the header of an image says, turned upright: 1 channel for grey, 3 for colours. */
export async function imageSize(
  path: string,
): Promise<{ readonly height: number; readonly width: number; readonly channels: 1 | 3 }> {
  const { height, width, channels } = unwrap(await native().imageSize(path))
  return { height, width, channels: channels === 1 ? 1 : 3 }
}
