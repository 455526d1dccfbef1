/** Which weights a run of `fit` shows and ends with: the trained ones, their running average, those of the best epoch. */
import { checkInteger, checkNumber, checkOptions } from '../common/checks'
import { ZoetropeError } from '../errors'
import { checkMetricName, isLowerBetter, metricOf } from '../evaluation/metric-names'
import { Snapshot } from '../model/snapshot'
import { TrainedWeights } from './trained-weights'
import type { MetricName, EpochFigures } from '../evaluation/metric-names'
import type { ModelHandle } from '../model/handle'
import type { OptimizerHandle } from '../optimizer/optimizer'

/** Options of early stopping. */
export interface EarlyStoppingOptions {
  /** Epochs without improvement after which the run ends. Default 10. */
  readonly patience?: number | undefined
  /** How much better an epoch must be to count as an improvement. Default 0. */
  readonly minDelta?: number | undefined
  /** The metric: of the validation data, or of the training data if there is none. Default `'loss'`. */
  readonly metric?: MetricName | undefined
}

/** Options of the running average of the weights. */
export interface EmaOptions {
  /** average ← decay · average + (1 − decay) · weights, after every update. Default 0.999. */
  readonly decay?: number | undefined
}

export interface EarlyStopping {
  readonly patience: number
  readonly minDelta: number
  readonly metric: MetricName
}

export function checkEarlyStopping(options: EarlyStoppingOptions | undefined): EarlyStopping | undefined {
  if (options === undefined) return undefined
  options = checkOptions(options, 'earlyStopping', ['patience', 'minDelta', 'metric'])
  const { patience = 10, minDelta = 0, metric = 'loss' } = options
  return {
    patience: checkInteger(patience, 'earlyStopping.patience', 1),
    minDelta: checkNumber(minDelta, 'earlyStopping.minDelta', 0),
    metric: checkMetricName(metric, 'earlyStopping.metric'),
  }
}

export function checkEma(options: EmaOptions | undefined): number | undefined {
  if (options === undefined) return undefined
  options = checkOptions(options, 'ema', ['decay'])
  const { decay = 0.999 } = options
  return checkNumber(decay, 'ema.decay', 0, 1)
}

/** The options of a run that are about its weights. */
export interface WeightsPlan {
  readonly handle: ModelHandle
  readonly optimizer: OptimizerHandle
  readonly best: MetricName | undefined
  readonly earlyStopping: EarlyStopping | undefined
  readonly hasAverage: boolean
}

/** The weights of one run. */
export class FitWeights {
  readonly #plan: WeightsPlan
  /** Of a run that averages them. */
  readonly #trained: TrainedWeights | undefined
  #hasBegun = false
  #best: { readonly snapshot: Snapshot; readonly value: number } | undefined
  #bar: number | undefined
  #waited = 0

  constructor(plan: WeightsPlan) {
    const { handle, optimizer, hasAverage } = plan
    this.#plan = plan
    this.#trained = hasAverage ? TrainedWeights.of(handle, optimizer) : undefined
  }

  /** Before an epoch of training: the trained weights are in the model. */
  async beforeTraining(): Promise<void> {
    if (this.#trained === undefined) TrainedWeights.forget(this.#plan.optimizer)
    await this.#trained?.resume()
    this.#hasBegun = true
  }

  /** After it: the averages are, where there are any. */
  async afterTraining(): Promise<void> {
    await this.#trained?.showAverages()
  }

  /** Keeps the weights of the best epoch so far. Returns whether it is time to stop. */
  async see(results: EpochFigures): Promise<boolean> {
    const { best, earlyStopping } = this.#plan
    if (best !== undefined) {
      const value = valueOf(results, best)
      if (!Number.isNaN(value) && (this.#best === undefined || value > this.#best.value)) {
        const snapshot = await Snapshot.take(this.#plan.handle)
        this.#best?.snapshot.release()
        this.#best = { snapshot, value }
      }
    }
    if (earlyStopping === undefined) return false
    const value = valueOf(results, earlyStopping.metric)
    if (value > (this.#bar ?? -Infinity) + earlyStopping.minDelta) [this.#bar, this.#waited] = [value, 0]
    else this.#waited++
    return this.#waited >= earlyStopping.patience
  }

  /** The end of a run, however it came: the model has the best epoch's weights, else the averages, else the trained ones. */
  async end(): Promise<void> {
    if (!this.#hasBegun) return
    try {
      const best = this.#best?.snapshot
      if (best === undefined) await this.#trained?.showAverages()
      else if (this.#trained === undefined) await best.restore()
      else await this.#trained.show(async () => best.restore())
    } catch (error) {
      const isGone = error instanceof ZoetropeError && error.code === 'ERR_DISPOSED'
      if (!isGone) throw error //                       a model that is gone has no weights to set right
    } finally {
      this.#best?.snapshot.release()
      this.#best = undefined
    }
  }
}

/** A metric with its sign, so that more is better. */
function valueOf(results: EpochFigures, metric: MetricName): number {
  const value = metricOf(results, metric)
  return isLowerBetter(metric) ? -value : value
}
