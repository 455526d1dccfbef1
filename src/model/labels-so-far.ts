/** Labels of a clip that is still running, read off the likeliest output of each frame as they become certain. */
import { joinLabels } from '../decode/text.js'
import { likeliest } from '../decode/answers.js'

/** What a stream of a CTC head says after a frame. */
export interface LabelsSoFar<Label extends string = string> {
  /**
   * The labels that became certain with this frame: none, or one. No later frame takes a label back. `undefined` once
   * outputs are not numbers.
   */
  readonly labels: readonly Label[] | undefined
  /** All labels of the clip so far, joined as `predict` joins them. `undefined` once outputs are not numbers. */
  readonly text: string | undefined
  /** The probabilities of this frame, `[classes + 1]`, the blank first; they sum to 1. */
  readonly probabilities: Float32Array
}

const BLANK = 0

/** Reads the frames of one clip, one after the other. */
export class LabelReader {
  readonly #classes: readonly string[]
  #before = BLANK
  #text: string | undefined = ''

  constructor(classes: readonly string[]) {
    this.#classes = classes
  }

  /** @param outputs - Raw outputs of the next frame, `[classes + 1]`. */
  read(outputs: Float32Array): LabelsSoFar {
    const probabilities = softmax(outputs)
    if (this.#text === undefined || probabilities.some(Number.isNaN)) {
      this.#text = undefined
      return { labels: undefined, text: undefined, probabilities }
    }
    const token = likeliest(outputs)
    const isNew = token !== BLANK && token !== this.#before
    this.#before = token
    const label = this.#classes[token - 1]
    if (!isNew || label === undefined) return { labels: [], text: this.#text, probabilities }
    this.#text = this.#text === '' ? label : joinLabels([this.#text, label], this.#classes)
    return { labels: [label], text: this.#text, probabilities }
  }
}

function softmax(outputs: Float32Array): Float32Array {
  const most = outputs.reduce((left, right) => Math.max(left, right), -Infinity)
  const weights = Float64Array.from(outputs, (output) => Math.exp(output - most))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return Float32Array.from(weights, (weight) => weight / sum)
}
