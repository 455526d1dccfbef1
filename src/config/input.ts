/** What one step of a clip is: a frame of pixels, or a vector. */
import { checkInteger, checkObject, checkOptions } from '../common/checks'
import { LARGEST } from './sizes'

/** The size of one frame; the number of frames is free. */
export interface FrameInput {
  readonly channels: number
  /** In pixels. */
  readonly height: number
  /** In pixels. */
  readonly width: number
}

/** The size of one vector, such as a row of sensor readings; the number of vectors in a clip is free. */
export interface VectorInput {
  /** Numbers in a vector. */
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
    checkOptions(input, 'input', ['features'])
    return { features: checkInteger(input.features, 'input.features', 1, LARGEST) }
  }
  checkOptions(input, 'input', ['channels', 'height', 'width', 'features'])
  const { channels, height, width } = input
  return {
    channels: checkInteger(channels, 'input.channels', 1, LARGEST),
    height: checkInteger(height, 'input.height', 1, LARGEST),
    width: checkInteger(width, 'input.width', 1, LARGEST),
  }
}
