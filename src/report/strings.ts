/** Answers that are label strings: where they differ most from what would have been right. */
import { editDistance } from '../common/edit-distance'
import { throwIfAborted } from '../common/abort'
import { hasLabelStrings } from '../config/head/kind'
import { askFor } from '../data/data-source'
import { framesOf } from '../data/shapes'
import { joinLabels } from '../decode/text'
import { clipPicture, evenly } from '../pictures/clip'
import { pngAddress } from '../pictures/png'
import type { Mistake } from './data'
import type { Dataset, Sample } from '../data/dataset'
import type { AnyCnnLstm, CnnLstm } from '../model/cnn-lstm'

/** Clips that are answered one by one, and those that are shown. */
const MOST_ANSWERED = 200
const MOST_SHOWN = 12

/** A clip whose answer is not the string that it should be. */
interface Wrong {
  readonly index: number
  readonly sample: Sample
  readonly target: readonly string[]
  readonly answer: readonly string[] | undefined
  /** Edits for each label of the target. */
  readonly errors: number
}

export async function stringMistakes(
  model: AnyCnnLstm,
  dataset: Dataset,
  { nameOf, signal }: { readonly nameOf: (index: number) => string; readonly signal: AbortSignal | undefined },
): Promise<Mistake[]> {
  if (!hasLabelStrings(model.config.head.kind)) return []
  const wrong: Wrong[] = []
  for (const index of evenly(dataset.length, MOST_ANSWERED)) {
    throwIfAborted(signal)
    const sample = await askFor(dataset, index)
    const target = namesOf(sample, model.classes)
    const answer = await labelsOf(model, sample)
    const errors = editDistance(answer ?? [], target) / Math.max(1, target.length)
    if (errors > 0 || answer === undefined) wrong.push({ index, sample, target, answer, errors })
  }
  const worst = wrong.toSorted((left, right) => right.errors - left.errors || left.index - right.index)
  return Promise.all(worst.slice(0, MOST_SHOWN).map(async (one) => mistakeOf(model, one, nameOf(one.index))))
}

async function mistakeOf(
  { classes }: AnyCnnLstm,
  { index, sample, target, answer, errors }: Wrong,
  name: string,
): Promise<Mistake> {
  const { kind, width, height, frames, pixels } = clipPicture(sample.input)
  const address = await pngAddress({ width, height, pixels })
  const said = answer === undefined ? 'not a number' : joinLabels(answer, classes) || 'nothing'
  return {
    index,
    name,
    target: joinLabels(target, classes) || 'nothing',
    answer: said,
    errorRate: errors,
    frames: framesOf(sample.input.shape),
    picture: { kind, width, height, frames, address },
  }
}

/** The names of the labels that a clip is answered with; `undefined` where its outputs are not numbers. */
async function labelsOf(model: AnyCnnLstm, { input }: Sample): Promise<readonly string[] | undefined> {
  const clips = { data: input.data, shape: [1, ...input.shape] }
  // oxlint-disable typescript/no-unsafe-type-assertion -- the configuration says which head it is
  const answers =
    model.config.head.kind === 'ctc'
      ? await (model as CnnLstm<string, { kind: 'ctc'; per: 'clip' }>).predict(clips)
      : await (model as CnnLstm<string, { kind: 'sequence'; per: 'clip' }>).generate(clips)
  // oxlint-enable typescript/no-unsafe-type-assertion
  return answers[0]?.labels
}

function namesOf({ target }: Sample, classes: readonly string[]): string[] {
  const list: ArrayLike<unknown> = Array.isArray(target) || ArrayBuffer.isView(target) ? asList(target) : []
  return Array.from(list, (label) => (typeof label === 'number' ? (classes[label] ?? String(label)) : String(label)))
}

function asList(target: unknown): ArrayLike<unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an array or a typed array of numbers
  return target as ArrayLike<unknown>
}
