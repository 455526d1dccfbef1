/** Which answers are right, how wrong each clip's are, and what follows from that for all of them. */
import { calibrationOf } from './calibration'
import { groupBootstrap, wilson } from './interval'
import { rankingOf } from './ranking'
import type { AnswerKind } from './answer-kind'
import type { Answers } from './answers'
import type { Calibration } from './calibration'
import type { Interval } from './interval'
import type { Ranking } from './ranking'
import type { GroupId } from '../data/split/group-ids'

/** Above this probability a label is answered. */
const THRESHOLD = 0.5
/** A probability of 0 would be an infinite loss. */
const LEAST_PROBABILITY = 1e-7

/** The class that is answered: of equally probable ones the first; -1 where probabilities are not numbers. */
export function answeredClass({ values, outputs }: Answers, answer: number): number {
  let best = -1
  for (let output = 0; output < outputs; output++) {
    const value = values[answer * outputs + output] ?? NaN
    if (Number.isNaN(value)) return -1
    if (best < 0 || value > (values[answer * outputs + best] ?? 0)) best = output
  }
  return best
}

/** Whether an answer is right; of several labels all must be. A regression has no right answers. */
export function isRight(answers: Answers, kind: AnswerKind, answer: number): boolean {
  if (kind === 'classification') return answeredClass(answers, answer) === answers.targets[answer]
  const { values, targets, outputs } = answers
  for (let at = answer * outputs; at < (answer + 1) * outputs; at++)
    if (!isLabelRight(values[at] ?? NaN, targets[at] ?? NaN)) return false
  return true
}

function isLabelRight(probability: number, target: number): boolean {
  return !Number.isNaN(probability) && probability > THRESHOLD === target > THRESHOLD
}

/** The loss of an answer: −ln of the probability of what is so, or the mean squared error of a regression. */
export function lossOf({ values, targets, outputs }: Answers, kind: AnswerKind, answer: number): number {
  const logOf = (probability: number): number => -Math.log(Math.max(probability, LEAST_PROBABILITY))
  if (kind === 'classification') return logOf(values[answer * outputs + (targets[answer] ?? 0)] ?? NaN)
  let sum = 0
  for (let at = answer * outputs; at < (answer + 1) * outputs; at++) {
    const [value, target] = [values[at] ?? NaN, targets[at] ?? NaN]
    sum += kind === 'regression' ? (value - target) ** 2 : logOf(target > THRESHOLD ? value : 1 - value)
  }
  return sum / outputs
}

/** A clip's answers together. */
export interface ClipScore {
  readonly right: number
  readonly answers: number
  /** Its first answer. */
  readonly first: number
  /** The mean over its answers; infinite where one is not a number. */
  readonly loss: number
}

export function clipScores(answers: Answers, kind: AnswerKind): ClipScore[] {
  const scores = Array.from({ length: answers.samples }, () => ({ right: 0, answers: 0, first: 0, loss: 0 }))
  for (const [answer, sample] of answers.sampleOf.entries()) {
    const score = scores[sample]
    if (score === undefined) continue
    if (score.answers++ === 0) score.first = answer
    if (kind !== 'regression' && isRight(answers, kind, answer)) score.right++
    const loss = lossOf(answers, kind, answer)
    score.loss += Number.isNaN(loss) ? Infinity : loss
  }
  return scores.map((score) => ({ ...score, loss: score.loss / score.answers }))
}

/**
 * The interval of the accuracy: by groups where there are at least two, by clips where each has several answers, else
 * Wilson's.
 */
export function accuracyInterval(scores: readonly ClipScore[], groups: readonly GroupId[] | undefined): Interval {
  const total = scores.reduce((sum, { answers }) => sum + answers, 0)
  const correct = scores.reduce((sum, { right }) => sum + right, 0)
  const isPerFrame = total > scores.length
  const ids = groups ?? (isPerFrame ? scores.map((_, index) => index) : undefined)
  if (ids === undefined) return wilson(correct, total)
  const byGroup = new Map<GroupId, { correct: number; total: number }>()
  for (const [index, { right, answers }] of scores.entries()) {
    const id = ids[index] ?? index
    const group = byGroup.get(id) ?? { correct: 0, total: 0 }
    byGroup.set(id, { correct: group.correct + right, total: group.total + answers })
  }
  return groupBootstrap(byGroup) ?? { ...wilson(correct, total), groups: byGroup.size }
}

/** Of a classification the probability of what was answered, of several labels that of each label. */
export function calibrationOfAnswers(answers: Answers, kind: 'classification' | 'multiLabel'): Calibration {
  const { values, targets, outputs, sampleOf } = answers
  if (kind === 'multiLabel') return calibrationOf(values, (at) => (targets[at] ?? 0) > THRESHOLD)
  const chosen = Int32Array.from(sampleOf, (_, answer) => answeredClass(answers, answer))
  const confidences = Float32Array.from(chosen, (best, answer) => values[answer * outputs + best] ?? NaN)
  return calibrationOf(confidences, (answer) => chosen[answer] === targets[answer])
}

/** Of each label; of two classes of the second one. */
export function rankings(answers: Answers, kind: AnswerKind, classes: readonly string[]): Ranking[] {
  const { values, targets, outputs, sampleOf } = answers
  if (kind === 'regression' || (kind === 'classification' && outputs !== 2)) return []
  const chosen = kind === 'multiLabel' ? classes.map((_, label) => label) : [1]
  return chosen.flatMap((label) => {
    const scores = Float32Array.from(sampleOf, (_, answer) => values[answer * outputs + label] ?? NaN)
    const isPositive = (answer: number): boolean =>
      kind === 'multiLabel' ? (targets[answer * outputs + label] ?? 0) > THRESHOLD : targets[answer] === label
    return rankingOf(classes[label] ?? String(label), scores, isPositive) ?? []
  })
}
