/** What comes after a clip: the options of `forecast()`, and the call. */
import { AbortScope, checkSignal } from '../common/abort'
import { checkInteger, checkNumber, checkOptions, checkSeed, rangeError } from '../common/checks'
import { native } from '../native'
import type { FloatArray } from '../common/nd-array'
import type { ModelConfig } from '../config/model'
import type { NativeBatch, NativeStepSampling } from '../native'
import type { ClipOptions } from './clip-options'
import type { ModelHandle } from './handle'

/** How steps are drawn by their probabilities, of a forecast with `loss: 'bce'`. */
export interface SampleOptions {
  /** Logits are divided by it: below 1 likely values become likelier. Default 1. */
  readonly temperature?: number | undefined
  /**
   * Every clip begins a stream of draws at this seed. A clip's draws depend on nothing else of the batch, so that the same
   * clip with the same seed gets the same steps in any batch. For several draws of a clip, call with several seeds.
   */
  readonly seed: number | bigint
}

/** Options of {@link CnnLstm.forecast}. */
export interface ForecastOptions extends ClipOptions {
  /**
   * How many steps. Default the `horizon` of the head, which a recursive forecast may go beyond. A direct one has no
   * others.
   */
  readonly steps?: number | undefined
  /**
   * Draws values of 0 and 1 by their probabilities. A recursive forecast feeds the drawn values back. Only with
   * `loss: 'bce'`: other losses have no probabilities. Default none: probabilities, which are fed back as they are.
   */
  readonly sample?: SampleOptions | undefined
  /** Stops between two steps; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** Checked {@link ForecastOptions}, but for the lengths. */
export interface ForecastSettings {
  readonly steps: number
  readonly sampling: NativeStepSampling | null
  readonly signal: AbortSignal | undefined
}

/** Checks options of a forecast of so many clips, by a model with a forecast head. */
export function checkForecastOptions(
  { steps, sample, signal }: ForecastOptions,
  { head }: ModelConfig,
  clips: number,
): ForecastSettings {
  if (head.forecast === undefined) {
    throw new TypeError(
      `Expected a model with a forecast head for \`forecast()\`, received one with a ${head.kind} head`,
    )
  }
  const { horizon, mode } = head.forecast
  const wanted = steps === undefined ? horizon : checkInteger(steps, 'steps', 1)
  if (mode === 'direct' && wanted > horizon) {
    throw rangeError(`at most ${horizon}, the horizon of a direct forecast,`, 'steps', wanted)
  }
  return {
    steps: wanted,
    sampling: sample === undefined ? null : checkSample(sample, head.loss, clips),
    signal: checkSignal(signal, 'signal'),
  }
}

function checkSample(sample: SampleOptions, loss: ModelConfig['head']['loss'], clips: number): NativeStepSampling {
  const { temperature = 1, seed } = checkOptions(sample, 'sample', ['temperature', 'seed'])
  if (loss !== 'bce') throw rangeError("none unless the head has `loss: 'bce'`", 'sample', sample)
  if (!(checkNumber(temperature, 'sample.temperature', 0) > 0)) {
    throw rangeError('a finite number above 0', 'sample.temperature', temperature)
  }
  return { temperature, seeds: new BigUint64Array(clips).fill(checkSeed(seed, 'sample.seed')) }
}

/** The steps after each clip of a batch, `[batch, steps, …step]`. */
export async function runForecast(
  handle: ModelHandle,
  batch: NativeBatch,
  { steps, sampling, signal }: ForecastSettings,
): Promise<FloatArray> {
  const abort = new AbortScope(signal)
  try {
    abort.throwIfAborted()
    const { NativeForecast } = native()
    const forecast = new NativeForecast(handle.native)
    abort.onAbort(() => forecast.cancel())
    return await abort.race(handle.run(() => forecast.run(batch, steps, sampling)))
  } finally {
    abort.release()
  }
}
