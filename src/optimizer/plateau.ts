import { checkInteger, checkNumber, checkOneOf, checkOptions, rangeError } from '../common/checks'
import { checkMetricName, isLowerBetter } from '../evaluation/metric-names'
import type { MetricName } from '../evaluation/metric-names'
import type { Schedule } from './schedule'

/** Options of {@link reduceOnPlateau}, PyTorch's defaults. */
export interface ReduceOnPlateauOptions {
  /**
   * The metric after each epoch: of the validation data, or of the training data if there is none. Default `'loss'`.
   */
  readonly metric?: MetricName | undefined
  /** Whether the metric should fall or rise. Default: the better direction of the metric. */
  readonly mode?: 'min' | 'max' | undefined
  /** Factor of each reduction, below 1. Default 0.1. */
  readonly factor?: number | undefined
  /** How many epochs without improvement are accepted. The next one reduces the rate. Default 10. */
  readonly patience?: number | undefined
  /** How much better an epoch must be. Default 1e-4. */
  readonly threshold?: number | undefined
  /** Whether `threshold` is a share of the best value or a difference: `threshold_mode`. Default `'rel'`. */
  readonly thresholdMode?: 'rel' | 'abs' | undefined
  /** Epochs after a reduction that are not looked at. Default 0. */
  readonly cooldown?: number | undefined
  /** The lowest rate: `min_lr`. Default 0. */
  readonly minLearningRate?: number | undefined
  /** A reduction by no more than this is not made. Default 1e-8. */
  readonly eps?: number | undefined
}

const KEYS = [
  'metric',
  'mode',
  'factor',
  'patience',
  'threshold',
  'thresholdMode',
  'cooldown',
  'minLearningRate',
  'eps',
]

/**
 * `ReduceLROnPlateau`: the rate falls by a factor when a metric of `fit` has not improved for some epochs. A function of
 * the metrics of the epochs that are done; `train` has none and refuses it. An epoch whose metric is NaN has not improved.
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions = {}): Schedule {
  options = checkOptions(options, 'options', KEYS)
  const { metric: given = 'loss', mode: wanted, factor = 0.1, patience = 10, threshold = 1e-4 } = options
  const { thresholdMode: kind = 'rel', cooldown = 0, minLearningRate = 0, eps = 1e-8 } = options
  const metric = checkMetricName(given, 'metric')
  const better = isLowerBetter(metric) ? 'min' : 'max'
  const mode = wanted === undefined ? better : checkOneOf(wanted, 'mode', ['min', 'max'])
  const thresholdMode = checkOneOf(kind, 'thresholdMode', ['rel', 'abs'])
  if (checkNumber(factor, 'factor', 0) >= 1) throw rangeError('a number in [0, 1)', 'factor', factor)
  checkInteger(patience, 'patience', 0)
  checkInteger(cooldown, 'cooldown', 0)
  for (const [name, value] of Object.entries({ threshold, minLearningRate, eps })) checkNumber(value, name, 0)
  const sign = mode === 'min' ? -1 : 1
  const bar = (best: number): number =>
    thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold
  return (_step, learningRate, run) => {
    let [rate, best, bad, cooling] = [learningRate, -sign * Infinity, 0, 0]
    for (const value of run.metric(metric)) {
      if (sign * value > sign * bar(best)) [best, bad] = [value, 0]
      else bad++
      if (cooling > 0) [cooling, bad] = [cooling - 1, 0]
      if (bad <= patience) continue
      const reduced = Math.max(rate * factor, minLearningRate)
      if (rate - reduced > eps) rate = reduced
      ;[cooling, bad] = [cooldown, 0]
    }
    return rate
  }
}
