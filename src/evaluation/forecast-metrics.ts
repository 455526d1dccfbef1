/** How far forecasts are off: the model's, and those that need no model. */
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { NativeForecastErrors, NativeMetrics } from '../native'

/**
 * The errors of a forecast, over all numbers of its steps, in the units of the data (bytes scaled to 0…1): a probability
 * where the loss is `'bce'`.
 */
export interface ForecastErrors {
  /** Mean absolute error. */
  readonly mae: number
  /** Root of the mean squared error. */
  readonly rmse: number
  /**
   * Mean absolute scaled error (Hyndman and Koehler, 2006): `mae` divided by the mean absolute difference between each
   * number that was read and the one before it, or with `season` the one a season before. Below 1 the forecast is better
   * than that. Not a number where nothing differs.
   */
  readonly mase: number
}

/** The errors at each step of the horizon, first to last. */
export interface ForecastErrorsByStep extends ForecastErrors {
  readonly byStep: readonly ForecastErrors[]
}

/** How far a model's forecasts are off, and what they are to be compared with. */
export interface ForecastMetrics extends ForecastErrors {
  /**
   * With `loss: 'bce'`, the negative log-likelihood of a step, summed over its numbers, averaged over steps. Of a
   * recursive forecast: of the next step, at every step of the clips but the first.
   */
  readonly nll?: number
  /** The errors at each step of the horizon, first to last; with `loss: 'bce'` also the negative log-likelihood. */
  readonly byStep: readonly (ForecastErrors & { readonly nll?: number })[]
  /** The last step that was read, repeated. */
  readonly persistence: ForecastErrorsByStep
  /** With `season`: the last season that was read, repeated. */
  readonly seasonalNaive?: ForecastErrorsByStep
}

/** With `loss: 'bce'`, the negative log-likelihood of a step by the mean loss of its numbers; nothing for other heads. */
export function likelihood({ loss }: NativeMetrics, model: AnyCnnLstm): { readonly nll?: number } {
  return model.config.head.loss === 'bce' ? { nll: loss * model.numOutputs } : {}
}

/** The metrics of evaluated forecasts. */
export function forecastMetrics(errors: NativeForecastErrors): Omit<ForecastMetrics, 'nll'> {
  const { clips, numbers, sums, likelihoods, differences, numDifferences, horizon } = errors
  const scale = differences / numDifferences
  const of = (absolute: number, squared: number, count: number): ForecastErrors => ({
    mae: absolute / count,
    rmse: Math.sqrt(squared / count),
    mase: scale > 0 ? absolute / count / scale : NaN,
  })
  const forecast = (index: number): ForecastErrorsByStep => {
    const at = (step: number, column: number): number => sums[(index * horizon + step) * 2 + column] ?? 0
    const steps = Array.from({ length: horizon }, (_, step) => step)
    const total = (column: number): number => steps.reduce((sum, step) => sum + at(step, column), 0)
    return {
      ...of(total(0), total(1), clips * numbers * horizon),
      byStep: steps.map((step) => of(at(step, 0), at(step, 1), clips * numbers)),
    }
  }
  const { byStep, ...model } = forecast(0)
  const isBinary = likelihoods.length > 0
  return {
    ...model,
    byStep: byStep.map((step, at) => (isBinary ? { ...step, nll: (likelihoods[at] ?? 0) / clips } : step)),
    persistence: forecast(1),
    ...(sums.length > 4 * horizon && { seasonalNaive: forecast(2) }),
  }
}

/** A forecast's error beside those of the forecasts that need no model, for the progress line. */
export function compared(errors: NativeForecastErrors): string {
  const { rmse, persistence, seasonalNaive } = forecastMetrics(errors)
  const others = [`persistence ${persistence.rmse.toFixed(4)}`]
  if (seasonalNaive !== undefined) others.push(`season ${seasonalNaive.rmse.toFixed(4)}`)
  return `rmse ${rmse.toFixed(4)} (${others.join(', ')})`
}
