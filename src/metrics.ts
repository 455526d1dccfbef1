import type { NativeMetrics } from './native'

/** How well one class is found. Where a denominator is 0, the figure is 0. */
export interface ClassMetrics {
  /** The name of the class. */
  readonly label: string
  /** Of the samples that were given this class, the share that has it. */
  readonly precision: number
  /** Of the samples that have this class, the share that was given it. */
  readonly recall: number
  /** Harmonic mean of precision and recall. */
  readonly f1: number
  /** How many samples have this class. */
  readonly support: number
}

/** How long a pass took and how fast it was. */
export interface Timing {
  /** From the call to the last result, in seconds. */
  readonly seconds: number
  readonly samplesPerSecond: number
}

export function accuracy({ correct, samples }: NativeMetrics): number {
  return correct / samples
}

export function timing(samples: number, seconds: number): Timing {
  return { seconds, samplesPerSecond: samples / seconds }
}

/** Row-major counts as rows: row = target, column = prediction. */
export function confusionRows(counts: readonly number[], numClasses: number): number[][] {
  return Array.from({ length: numClasses }, (_, row) => counts.slice(row * numClasses, (row + 1) * numClasses))
}

export function classMetrics(confusion: readonly (readonly number[])[], labels: readonly string[]): ClassMetrics[] {
  return labels.map((label, index) => {
    const hits = confusion[index]?.[index] ?? 0
    const support = sum(confusion[index] ?? [])
    const predicted = sum(confusion.map((row) => row[index] ?? 0))
    const [precision, recall] = [ratio(hits, predicted), ratio(hits, support)]
    return { label, precision, recall, f1: ratio(2 * precision * recall, precision + recall), support }
  })
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
