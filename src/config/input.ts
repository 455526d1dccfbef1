/** One step of a clip: a frame of pixels, or a vector. */
import { checkInteger, checkObject, checkOptions } from '../common/checks'
import { LARGEST } from './sizes'

/** The size of one frame. A clip may have any number of frames. */
export interface FrameInput {
  /** For example 1 (grey) or 3 (colour). */
  readonly channels: number
  /** In pixels. */
  readonly height: number
  /** In pixels. */
  readonly width: number
}

/** The size of one vector, such as a row of sensor readings. A clip may have any number of vectors. */
export interface VectorInput {
  /** How many numbers a vector has. */
  readonly features: number
}

/** One step of a clip. */
export type InputOptions = FrameInput | VectorInput

export function isVector(input: InputOptions): input is VectorInput {
  return 'features' in input
}

export function checkInput(input: InputOptions): InputOptions {
  checkObject(input, 'input')
  if (isVector(input)) {
    input = checkOptions(input, 'input', ['features'])
    return { features: checkInteger(input.features, 'input.features', 1, LARGEST) }
  }
  input = checkOptions(input, 'input', ['channels', 'height', 'width', 'features'])
  const { channels, height, width } = input
  return {
    channels: checkInteger(channels, 'input.channels', 1, LARGEST),
    height: checkInteger(height, 'input.height', 1, LARGEST),
    width: checkInteger(width, 'input.width', 1, LARGEST),
  }
}
