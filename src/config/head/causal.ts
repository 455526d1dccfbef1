/** A recursive forecast says at every step of a clip what comes next, so the parts in front of it may not know. */
import { rangeError } from '../../common/checks'
import { isVector } from '../input'
import type { Backbone } from '../backbone'
import type { CnnBlockConfig } from '../cnn'
import type { InputOptions } from '../input'
import type { LstmConfig } from '../lstm'
import type { ForecastConfig } from './forecast'

export function checkCausal(
  forecast: ForecastConfig | undefined,
  {
    input,
    cnn,
    lstm,
  }: {
    readonly input: InputOptions
    readonly cnn: readonly CnnBlockConfig[] | Backbone
    readonly lstm: LstmConfig
  },
): void {
  if (forecast?.mode !== 'recursive') return
  if (lstm.bidirectional) {
    throw rangeError('false for a recursive forecast, whose steps know the past only,', 'lstm.bidirectional', true)
  }
  if (!isVector(input) || typeof cnn === 'string') return
  for (const [index, { kernelSize }] of cnn.entries()) {
    if (kernelSize === 1) continue
    const expected = '1 for vectors and a recursive forecast: a larger kernel sees the steps to come,'
    throw rangeError(expected, `cnn[${index}].kernelSize`, kernelSize)
  }
}
