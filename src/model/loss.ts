/** Options of the loss that a model is trained by. */
import { types } from 'node:util'
import { checkNumber, checkOptions, rangeError, typeError } from '../common/checks'
import type { ModelConfig } from '../config/model'

/** How the loss of training weighs targets. Testing and validation know none of it. */
export interface LossOptions {
  /**
   * Share of the target that is spread evenly over all classes, in [0, 1): `label_smoothing` of
   * `torch.nn.CrossEntropyLoss`. Default 0. Of a classification or a token sequence only.
   */
  readonly labelSmoothing?: number | undefined
  /**
   * A weight for each class, in order. Of a classification `weight` of `torch.nn.CrossEntropyLoss`: the mean is divided
   * by the weights of the batch's targets. Of a token sequence the same; a string's end has the weight 1. Of several labels `pos_weight` of `torch.nn.BCEWithLogitsLoss`: how much a
   * label counts where it is there. Default none.
   */
  readonly classWeights?: readonly number[] | Float32Array | Float64Array | undefined
}

/** Checked {@link LossOptions}, as the native side takes them. */
export interface CheckedLoss {
  readonly labelSmoothing: number
  readonly classWeights?: number[]
}

export function checkLoss(options: LossOptions | undefined, { head, numClasses }: ModelConfig): CheckedLoss {
  if (options === undefined) return { labelSmoothing: 0 }
  options = checkOptions(options, 'loss', ['labelSmoothing', 'classWeights'])
  const { labelSmoothing = 0, classWeights } = options
  checkNumber(labelSmoothing, 'loss.labelSmoothing', 0, 1)
  if (labelSmoothing > 0 && head.kind !== 'classification' && head.kind !== 'sequence') {
    throw rangeError(`0 for a ${head.kind} head`, 'loss.labelSmoothing', labelSmoothing)
  }
  if (classWeights === undefined) return { labelSmoothing }
  if (!Array.isArray(classWeights) && !types.isFloat32Array(classWeights) && !types.isFloat64Array(classWeights)) {
    throw typeError('an array of numbers', 'loss.classWeights', classWeights)
  }
  if (head.kind !== 'classification' && head.kind !== 'multiLabel' && head.kind !== 'sequence') {
    throw rangeError(`none for a ${head.kind} head`, 'loss.classWeights', classWeights)
  }
  if (classWeights.length !== numClasses) {
    throw rangeError(`${numClasses} weights, one a class,`, 'loss.classWeights', classWeights)
  }
  const weights = Array.from({ length: numClasses }, (_, index) => {
    const [weight, name] = [classWeights[index], `loss.classWeights[${index}]`]
    const rounded = Math.fround(checkNumber(weight, name, 0)) //     as the loss takes it
    if (rounded !== Infinity) return rounded
    throw rangeError('a number that float32 holds', name, weight)
  })
  if (weights.every((weight) => weight === 0)) throw rangeError('a weight above 0', 'loss.classWeights', classWeights)
  return { labelSmoothing, classWeights: weights }
}
