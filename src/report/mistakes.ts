/** The clips that were answered worst, with pictures. */
import { answeredClass } from './scores'
import { short } from './figures'
import { occlusionOf } from './occlusion'
import { askFor } from '../data/data-source'
import { clipPicture } from '../pictures/clip'
import { pngAddress } from '../pictures/png'
import type { Answers } from './answers'
import type { Mistake } from './data'
import type { ClipScore } from './scores'
import type { Dataset } from '../data/dataset'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/** The clips with the largest loss; of classes and labels those that were answered wrong. */
export function worstClips(scores: readonly ClipScore[], isRegression: boolean, most: number): number[] {
  return scores
    .map((score, index) => ({ ...score, index }))
    .filter(({ right, answers }) => isRegression || right < answers)
    .toSorted((left, right) => right.loss - left.loss || left.index - right.index)
    .slice(0, most)
    .map(({ index }) => index)
}

export async function mistakeOf(
  model: AnyCnnLstm,
  dataset: Dataset,
  index: number,
  { answers, score, name }: { readonly answers: Answers; readonly score: ClipScore; readonly name: string },
): Promise<Mistake> {
  const { input } = await askFor(dataset, index)
  const picture = clipPicture(input)
  const occlusion = await occlusionOf(model, input)
  const { kind, width, height, frames } = picture
  return {
    index,
    name,
    ...texts(model, answers, score),
    loss: score.loss,
    frames: answers.lengths[index] ?? 1,
    picture: { kind, width, height, frames, address: await pngAddress(picture) },
    ...(occlusion && { occlusion }),
  }
}

/** What would have been right, and what came. */
function texts(
  { classes, config: { head } }: AnyCnnLstm,
  answers: Answers,
  { first, right, answers: count }: ClipScore,
): Pick<Mistake, 'target' | 'answer'> {
  if (count > 1) {
    if (head.kind === 'regression') return { target: `${count} frames`, answer: 'see the loss' }
    return { target: `${count} frames`, answer: `${right} right` }
  }
  const { outputs, values, targets } = answers
  const row = (of: Float32Array): number[] => [...of.subarray(first * outputs, (first + 1) * outputs)]
  if (head.kind === 'regression') return { target: list(row(targets)), answer: list(row(values)) }
  if (head.kind === 'multiLabel') {
    const named = (of: readonly number[]): string =>
      of.flatMap((value, label) => (value > 0.5 ? [classes[label] ?? ''] : [])).join(', ') || 'none'
    return { target: named(row(targets)), answer: named(row(values)) }
  }
  const best = answeredClass(answers, first)
  const share = values[first * outputs + best] ?? NaN
  const answer = best < 0 ? 'not a number' : `${classes[best] ?? best} (${(share * 100).toFixed(0)} %)`
  return { target: classes[targets[first] ?? -1] ?? String(targets[first]), answer }
}

function list(numbers: readonly number[]): string {
  return numbers.map(short).join(', ')
}
