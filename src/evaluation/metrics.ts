import type { NativeCounts, NativeMetrics } from '../native'
import type { HeadConfig } from '../config/head'

/** How well one class or label is found. Where a denominator is 0, the figure is 0. */
export interface ClassMetrics {
  /** The name of the class. */
  readonly label: string
  /** Of the answers that were given this class, the share that has it. */
  readonly precision: number
  /** Of the answers that have this class, the share that was given it. */
  readonly recall: number
  /** Harmonic mean of precision and recall. */
  readonly f1: number
  /** How many answers have this class. */
  readonly support: number
}

/** How long a pass took and how fast it was. */
export interface Timing {
  /** From the call to the last result, in seconds. */
  readonly seconds: number
  readonly samplesPerSecond: number
}

/** How far a regression is off. */
export interface RegressionMetrics {
  /** Mean absolute error, over answers and outputs. */
  readonly mae: number
  /** Root of the mean squared error. */
  readonly rmse: number
  /**
   * Share of the targets' variance that is explained, the mean over outputs as scikit-learn's `r2_score` takes it: 1 at
   * best, 0 for the mean of the targets; not a number where an output's targets are all the same.
   */
  readonly r2: number
}

/** How far label strings are off. */
export interface StringMetrics {
  /**
   * Label error rate (character error rate): fewest insertions, deletions and substitutions of labels that make the
   * targets of the answers, over the number of labels in the targets. 0 at best; above 1 where answers are much too long.
   */
  readonly cer: number
  /** The same of words, the pieces between separators. Only with a `separator` in the head. */
  readonly wer?: number
  /** Share of strings without any error, 0…1: the accuracy. */
  readonly exact: number
  /** Share of answers without any label, 0…1. */
  readonly empty: number
}

/**
 * Share of right predictions, one a clip or a valid frame; of several labels, all of them must be right, and a label string
 * must be exact. Not a number for a regression or a forecast, which have no right answers.
 */
export function accuracy({ correct, predictions }: NativeMetrics, { kind }: HeadConfig): number {
  return kind === 'regression' || kind === 'forecast' ? NaN : correct / predictions
}

/** The errors of label strings; nothing for other heads. Of targets without any label or word an error is infinite. */
export function stringMetrics({ strings }: NativeMetrics, { separator }: HeadConfig): StringMetrics | undefined {
  if (strings === undefined) return undefined
  const { edits, labels, wordEdits, words, exact, empty } = strings
  const rate = (errors: number, of: number): number => (errors === 0 ? 0 : errors / of)
  return {
    cer: rate(edits, labels),
    ...(separator !== undefined && { wer: rate(wordEdits, words) }),
    exact: exact / strings.strings,
    empty: empty / strings.strings,
  }
}

/** The errors of a regression; nothing for other heads. */
export function regressionMetrics(
  { predictions, errorSums }: NativeMetrics,
  { kind }: HeadConfig,
): RegressionMetrics | undefined {
  if (kind !== 'regression') return undefined
  const outputs = Array.from({ length: errorSums.length / 4 }, (_, at) => errorSums.slice(at * 4, at * 4 + 4))
  const over = (of: (sums: number[]) => number): number => mean(outputs.map(of))
  return {
    mae: over(([absolute = 0]) => absolute / predictions),
    rmse: Math.sqrt(over(([, squared = 0]) => squared / predictions)),
    r2: over(([, squared = 0, shifted = 0, square = 0]) => {
      const variance = square - shifted * (shifted / predictions) //  by differences from one target: 0 if all are the same
      return variance > 0 ? 1 - squared / variance : NaN
    }),
  }
}

/** How well each label is found, of a head with several. */
export function labelMetrics({ labels: counts }: NativeCounts, labels: readonly string[]): ClassMetrics[] {
  return labels.map((label, index) => {
    const [hits = 0, falsePositives = 0, falseNegatives = 0] = counts.subarray(index * 3, index * 3 + 3)
    return counted(label, hits, hits + falsePositives, hits + falseNegatives)
  })
}

export function timing(samples: number, seconds: number): Timing {
  return { seconds, samplesPerSecond: samples / seconds }
}

/** Precision, recall, F1 and support of each class, and their means over the classes. */
export interface ClassScores {
  readonly perClass: ClassMetrics[]
  readonly macroF1: number
  readonly balancedAccuracy: number
}

/**
 * Macro F1 and balanced accuracy as scikit-learn's `f1_score(average='macro')` and `balanced_accuracy_score` take them:
 * classes that are neither among targets nor among predictions, or not among targets, do not count.
 */
export function classScores({ cells, cellCounts, targets }: NativeCounts, labels: readonly string[]): ClassScores {
  const classes = labels.length
  const [hits, predicted] = [new Float64Array(classes), new Float64Array(classes)]
  cells.forEach((cell, at) => {
    const [target, prediction, count] = [Math.floor(cell / classes), cell % classes, cellCounts[at] ?? 0]
    predicted[prediction] = (predicted[prediction] ?? 0) + count
    if (target === prediction) hits[target] = count
  })
  const perClass = labels.map((label, at) => counted(label, hits[at] ?? 0, predicted[at] ?? 0, targets[at] ?? 0))
  const seen = perClass.filter(({ support }, at) => support + (predicted[at] ?? 0) > 0)
  const supported = perClass.filter(({ support }) => support > 0)
  return {
    perClass,
    macroF1: mean(seen.map(({ f1 }) => f1)),
    balancedAccuracy: mean(supported.map(({ recall }) => recall)),
  }
}

/** Shares of answers whose target is among the first 1, 2, … classes. */
export function topShares({ ranks }: NativeCounts, { predictions }: NativeMetrics): number[] {
  let found = 0
  return Array.from(ranks, (count) => (found += count) / predictions)
}

/** The mean; not a number of nothing. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function counted(label: string, hits: number, predicted: number, support: number): ClassMetrics {
  const [precision, recall] = [ratio(hits, predicted), ratio(hits, support)]
  return { label, precision, recall, f1: ratio(2 * precision * recall, precision + recall), support }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
