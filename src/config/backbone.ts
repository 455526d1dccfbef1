/** Networks of torchvision's as a model's CNN, by torchvision's names. */
import { checkOneOf, rangeError } from '../common/checks'
import { isVector } from './input'
import type { HeadKind } from './head/kind'
import type { InputOptions } from './input'

/**
 * A network of torchvision's without its classifier, with the structure and the parameter names that it has there. With
 * `globalPool: 'average'`, its default, it makes 512 features of a frame (`'resnet18'`, `'resnet34'`), 1280
 * (`'mobilenet_v2'`) or 576 (`'mobilenet_v3_small'`).
 */
export type Backbone = 'resnet18' | 'resnet34' | 'mobilenet_v2' | 'mobilenet_v3_small'

const BACKBONES: readonly Backbone[] = ['resnet18', 'resnet34', 'mobilenet_v2', 'mobilenet_v3_small']

/** Checks the name, and that there are frames to convolve and no decoder that mirrors blocks. */
export function checkBackbone(name: string, input: InputOptions, head: HeadKind): Backbone {
  const backbone = checkOneOf(name, 'cnn', BACKBONES)
  if (isVector(input)) throw rangeError('a list of blocks for vectors, which have no height and width,', 'cnn', name)
  if (head !== 'forecast') return backbone
  throw rangeError('a list of blocks for a forecast of frames, whose decoder mirrors them,', 'cnn', name)
}
