/** Options of a head that continues a clip. */
import { checkInteger, checkOneOf, rangeError, typeError } from '../../common/checks'
import { listOf } from '../../common/list'
import { isVector } from '../input'
import { LARGEST } from '../sizes'
import type { InputOptions } from '../input'

/** How the steps of a forecast come about. */
export type ForecastMode = 'direct' | 'recursive'

/** The loss of a forecast. */
export type ForecastLoss = 'mse' | 'smoothL1' | 'bce'

/** A head that answers with the clip's next steps. */
export interface ForecastHeadOptions {
  readonly kind: 'forecast'
  /** Steps to forecast. */
  readonly horizon: number
  /**
   * `'direct'`: all steps at once, from the last state. `'recursive'`: one step, which is fed back for the next; it learns
   * at every step of a clip, and `forecast()` may go beyond the horizon. Default `'direct'`.
   */
  readonly mode?: ForecastMode | undefined
  /**
   * Indices of the features of a vector that are answered, in this order. Default all, which a recursive forecast always
   * answers: it feeds them back.
   */
  readonly features?: readonly number[] | undefined
  /** Steps of a season. Evaluation compares with the last season repeated, and scales `mase` by it. Default none. */
  readonly season?: number | undefined
  /**
   * `'mse'`, `'smoothL1'` as for a regression, or `'bce'`: binary cross-entropy of each number. With `'bce'` the steps must
   * be numbers from 0 to 1, and forecasts are probabilities. Default `'mse'`.
   */
  readonly loss?: ForecastLoss | undefined
}

/** How a clip is continued, with every default filled in. */
export interface ForecastConfig {
  readonly horizon: number
  readonly mode: ForecastMode
  /** `null` for all. */
  readonly features: readonly number[] | null
  readonly season: number | null
}

export function checkForecast(
  { horizon, mode = 'direct', features, season }: Partial<Omit<ForecastHeadOptions, 'kind'>>,
  input: InputOptions,
): ForecastConfig {
  const isRecursive = checkOneOf<ForecastMode>(mode, 'head.mode', ['direct', 'recursive']) === 'recursive'
  if (isRecursive && features !== undefined) {
    throw rangeError('none for a recursive forecast, which feeds every feature back,', 'head.features', features)
  }
  return {
    horizon: checkInteger(horizon, 'head.horizon', 1, LARGEST),
    mode: isRecursive ? 'recursive' : 'direct',
    features: features === undefined ? null : checkFeatures(features, input),
    season: season === undefined ? null : checkInteger(season, 'head.season', 1, LARGEST),
  }
}

function checkFeatures(features: readonly number[], input: InputOptions): number[] {
  if (!isVector(input)) throw rangeError('none for frames', 'head.features', features)
  const list = Array.isArray(features) ? listOf(features) : undefined
  if (list === undefined) throw typeError('an array of indices', 'head.features', features)
  if (list.length === 0) throw rangeError('at least one index', 'head.features', features)
  const seen = new Set<number>()
  for (let at = 0; at < list.length; at++) {
    const feature = checkInteger(list.at(at), `head.features[${at}]`, 0, input.features - 1)
    if (seen.has(feature)) throw rangeError('an index that occurs once', `head.features[${at}]`, feature)
    seen.add(feature)
  }
  return [...seen]
}
