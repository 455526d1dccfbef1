/** Which weights a run of `fit` shows and ends with: the trained ones, their running average, those of the best epoch. */
import { checkInteger, checkNumber, checkOptions } from '../common/checks'
import { ZoetropeError } from '../errors'
import { checkMetricName, isLowerBetter, metricOf } from '../evaluation/metric-names'
import { native } from '../native'
import { Snapshot } from '../model/snapshot'
import type { MetricName, EpochFigures } from '../evaluation/metric-names'
import type { ModelHandle } from '../model/handle'

/** Options of early stopping. */
export interface EarlyStoppingOptions {
  /** Epochs without improvement after which the run ends. Default 10. */
  readonly patience?: number | undefined
  /** How much better an epoch must be to count as an improvement. Default 0. */
  readonly minDelta?: number | undefined
  /** What is looked at: of the validation data, or of the training data without any. Default `'loss'`. */
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
  checkOptions(options, 'earlyStopping', ['patience', 'minDelta', 'metric'])
  const { patience = 10, minDelta = 0, metric = 'loss' } = options
  return {
    patience: checkInteger(patience, 'earlyStopping.patience', 1),
    minDelta: checkNumber(minDelta, 'earlyStopping.minDelta', 0),
    metric: checkMetricName(metric, 'earlyStopping.metric'),
  }
}

export function checkEma(options: EmaOptions | undefined): number | undefined {
  if (options === undefined) return undefined
  checkOptions(options, 'ema', ['decay'])
  const { decay = 0.999 } = options
  return checkNumber(decay, 'ema.decay', 0, 1)
}

/** What a run is told about its weights. */
export interface WeightsPlan {
  readonly handle: ModelHandle
  readonly optimizer: number
  readonly best: MetricName | undefined
  readonly earlyStopping: EarlyStopping | undefined
  readonly hasAverage: boolean
}

/** The weights of one run. */
export class FitWeights {
  readonly #plan: WeightsPlan
  #trained: Snapshot | undefined
  #best: { readonly snapshot: Snapshot; readonly value: number } | undefined
  #bar: number | undefined
  #waited = 0

  constructor(plan: WeightsPlan) {
    this.#plan = plan
  }

  /** Before an epoch of training: the trained weights are in the model. */
  async beforeTraining(): Promise<void> {
    await this.#trained?.restore()
    this.#trained?.release()
    this.#trained = undefined
  }

  /** After it: the averages are, where there are any. */
  async afterTraining(): Promise<void> {
    if (!this.#plan.hasAverage) return
    this.#trained = await Snapshot.take(this.#plan.handle)
    await this.#copyAverages()
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
    try {
      if (this.#best !== undefined) await this.#best.snapshot.restore()
      else if (this.#plan.hasAverage && this.#trained === undefined) await this.#copyAverages()
    } catch (error) {
      const isGone = error instanceof ZoetropeError && error.code === 'ERR_DISPOSED'
      if (!isGone) throw error //                       a model that is gone has no weights to set right
    } finally {
      for (const snapshot of [this.#best?.snapshot, this.#trained]) snapshot?.release()
      this.#best = undefined
      this.#trained = undefined
    }
  }

  async #copyAverages(): Promise<void> {
    await this.#plan.handle.run((model) => native().copyAverages(model, this.#plan.optimizer))
  }
}

/** A metric with its sign, so that more is better. */
function valueOf(results: EpochFigures, metric: MetricName): number {
  const value = metricOf(results, metric)
  return isLowerBetter(metric) ? -value : value
}
