/** Pixels as cameras and canvases give them, into planes as models take them. */

/** What `CanvasRenderingContext2D.getImageData()` and most image readers give: red, green, blue and alpha of each pixel. */
export interface Image {
  /** `[height, width, 4]`, row-major. */
  readonly data: Uint8ClampedArray | Uint8Array
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
}

/** Values of a pixel. */
const PIXEL = 4
/** Of red, green and blue: ITU-R BT.601, as grey was before there was colour. */
const LUMA = [0.299, 0.587, 0.114] as const

/**
 * A frame of `[channels, height, width]` for a file exported with `inputType: 'uint8'`: red, green and blue planes, or grey
 * by their luma. Alpha is left out. Frames laid one after the other in one array are a clip.
 *
 * @throws {RangeError} For data of another length than the size says, or another number of channels than 1 and 3.
 */
export function toPlanes({ data, width, height }: Image, channels: number): Uint8Array {
  const pixels = width * height
  if (data.length !== pixels * PIXEL) {
    throw new RangeError(
      `Expected ${pixels * PIXEL} values for \`image.data\` of ${width}×${height}, received ${data.length}`,
    )
  }
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`Expected 1 or 3 for \`channels\`, received ${channels}`)
  }
  const at = (pixel: number, colour: number): number => data[pixel * PIXEL + colour] ?? 0
  if (channels === 3) {
    return Uint8Array.from({ length: 3 * pixels }, (_, index) => at(index % pixels, Math.floor(index / pixels)))
  }
  const grey = (pixel: number): number => LUMA.reduce((sum, share, colour) => sum + share * at(pixel, colour), 0)
  return Uint8Array.from({ length: pixels }, (_, pixel) => Math.round(grey(pixel)))
}
