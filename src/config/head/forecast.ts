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
  /** Steps that are answered at once. */
  readonly horizon: number
  /** `'direct'`: all steps from the last state. `'recursive'`: one step after the other, each fed back. Default `'direct'`. */
  readonly mode?: ForecastMode | undefined
  /** Indices of the features of a vector that are answered, ascending. Default all. */
  readonly features?: readonly number[] | undefined
  /** Steps of a season, which the seasonal-naive forecast repeats. Default none. */
  readonly season?: number | undefined
  /** `'bce'`: binary cross-entropy, for steps of 0 and 1. Default `'mse'`. */
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
  { horizon, mode = 'direct', features, season }: Omit<ForecastHeadOptions, 'kind'>,
  input: InputOptions,
): ForecastConfig {
  return {
    horizon: checkInteger(horizon, 'head.horizon', 1, LARGEST),
    mode: checkOneOf<ForecastMode>(mode, 'head.mode', ['direct', 'recursive']),
    features: features === undefined ? null : checkFeatures(features, input),
    season: season === undefined ? null : checkInteger(season, 'head.season', 1, LARGEST),
  }
}

function checkFeatures(features: readonly number[], input: InputOptions): number[] {
  if (!isVector(input)) throw rangeError('none for frames', 'head.features', features)
  const list = Array.isArray(features) ? listOf(features) : undefined
  if (list === undefined) throw typeError('an array of indices', 'head.features', features)
  if (list.length === 0) throw rangeError('at least one index', 'head.features', features)
  let least = 0
  return Array.from({ length: list.length }, (_, at) => {
    const feature = checkInteger(list.at(at), `head.features[${at}]`, least, input.features - 1)
    least = feature + 1 //                                    ascending
    return feature
  })
}
