/** Options of heads whose answer is a string of labels. */
import { checkBoolean, checkInteger, checkString, rangeError } from '../../common/checks'
import { LARGEST } from '../sizes'
import type { ClassConfig } from '../classes'

/** The option of a label string that says where words end. */
export interface SeparatorOption {
  /**
   * The class that stands between two words, by name or by index. With it, evaluation gives the word error rate `wer`.
   * Default none.
   */
  readonly separator?: string | number | undefined
}

/** A head that answers with a string of labels, in the order of the frames: connectionist temporal classification. */
export interface CtcHeadOptions extends SeparatorOption {
  readonly kind: 'ctc'
}

/** A head that answers with a string of labels, which a decoder writes one after the other. */
export interface SequenceHeadOptions extends SeparatorOption {
  readonly kind: 'sequence'
  /** Most labels of an answer. */
  readonly maxLength: number
  /** Whether the decoder looks at all frames in each step. Default true. */
  readonly attention?: boolean | undefined
  /** Numbers in the embedding of a label. Default 64. */
  readonly embeddingSize?: number | undefined
  /** The decoder's state. Default the `hiddenSize` of `lstm`. */
  readonly hiddenSize?: number | undefined
}

/** The decoder of a token sequence, with every default filled in. */
export interface SequenceConfig {
  readonly maxLength: number
  readonly attention: boolean
  readonly embeddingSize: number
  readonly hiddenSize: number
}

/** The index of the separator among the classes. */
export function checkSeparator(separator: unknown, { classes, numClasses }: ClassConfig): number {
  if (typeof separator === 'number') return checkInteger(separator, 'head.separator', 0, numClasses - 1)
  const name = checkString(separator, 'head.separator')
  const index = classes?.indexOf(name) ?? -1
  if (index >= 0) return index
  throw rangeError('the name or the index of a class', 'head.separator', separator)
}

export function checkSequence(
  { maxLength, attention = true, embeddingSize = 64, hiddenSize }: Omit<SequenceHeadOptions, 'kind'>,
  stateSize: number,
): SequenceConfig {
  return {
    maxLength: checkInteger(maxLength, 'head.maxLength', 1, LARGEST),
    attention: checkBoolean(attention, 'head.attention'),
    embeddingSize: checkInteger(embeddingSize, 'head.embeddingSize', 1, LARGEST),
    hiddenSize: checkInteger(hiddenSize ?? stateSize, 'head.hiddenSize', 1, LARGEST),
  }
}
