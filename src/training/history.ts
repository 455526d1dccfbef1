/** Records of epochs that an earlier run has done, as a user hands them over: from memory, or from a file. */
import { checkObject, rangeError, typeError } from '../common/checks'
import { METRIC_NAMES } from '../evaluation/metric-names'
import type { EpochFigures, Figures } from '../evaluation/metric-names'
import type { HeadType } from '../config/head'
import type { EpochRecord } from './fit-options'

/** Checks `history` and returns the figures in it; there must be `count` epochs, in order from the first. */
export function checkHistory(
  history: readonly EpochRecord<HeadType>[] | undefined,
  count: number | undefined,
): EpochFigures[] | undefined {
  if (history === undefined) return undefined
  if (!Array.isArray(history)) throw typeError('an array of the records of epochs', 'history', history)
  const records: readonly unknown[] = Array.from({ length: history.length }, (_, index): unknown => history[index])
  if (count !== undefined && records.length !== count)
    throw rangeError(`the records of ${count} epochs, as many as \`initialEpoch\` says,`, 'history', records)
  return records.map((record, index) => {
    const name = `history[${index}]`
    checkObject(record, name)
    const { epoch, train, validation }: { epoch?: unknown; train?: unknown; validation?: unknown } = record
    if (epoch !== index + 1) throw rangeError(`${index + 1}, the number of the epoch,`, `${name}.epoch`, epoch)
    return {
      train: readFigures(train, `${name}.train`),
      ...(validation !== undefined && { validation: readFigures(validation, `${name}.validation`) }),
    }
  })
}

function readFigures(given: unknown, name: string): Figures {
  checkObject(given, name)
  const figures: { [Name in keyof Figures]?: unknown } = given
  const read = METRIC_NAMES.map((metric) => [metric, readFigure(figures[metric], `${name}.${metric}`)] as const)
  const { topK } = figures
  const known = Object.fromEntries(read.filter(([, figure]) => figure !== undefined))
  if (topK === undefined) return known
  if (!Array.isArray(topK)) throw typeError('an array of numbers', `${name}.topK`, topK)
  const shares = Array.from({ length: topK.length }, (_, at) => readFigure(topK[at], `${name}.topK[${at}]`) ?? NaN)
  return { ...known, topK: shares }
}

/** JSON has no NaN and no infinity: it writes `null`. */
function readFigure(value: unknown, name: string): number | undefined {
  if (value === null) return NaN
  if (value === undefined || typeof value === 'number') return value
  throw typeError('a number', name, value)
}
