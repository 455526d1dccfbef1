/** How the steps of a clip become one vector. */
import { checkOneOf, describe } from '../../common/checks'
import type { ForecastConfig } from './forecast'
import type { HeadKind, HeadPer } from './kind'

/**
 * How the steps of a clip become one vector. Only valid frames count. `'last'` takes the last step of each direction,
 * `'mean'` the mean of the steps, `'max'` the largest value of each feature, and `'attention'` a weighted sum with
 * learned weights.
 */
export type Pooling = 'last' | 'mean' | 'max' | 'attention'

export function checkPooling(
  pooling: Pooling | undefined,
  { kind, per, forecast }: { readonly kind: HeadKind; readonly per: HeadPer; readonly forecast?: ForecastConfig },
): Pooling {
  const hasAnswer = kind === 'classification' || kind === 'multiLabel' || kind === 'regression'
  const isPooled = forecast?.mode === 'direct' || (per === 'clip' && hasAnswer)
  if (pooling !== undefined && !isPooled) {
    const name = forecast === undefined ? kind : 'recursive forecast'
    const head = per === 'frame' ? 'a head per frame' : `a ${name} head`
    throw new RangeError(`Expected no \`pooling\` with ${head}, which pools nothing, received ${describe(pooling)}`)
  }
  return checkOneOf(pooling ?? 'last', 'pooling', ['last', 'mean', 'max', 'attention'])
}
