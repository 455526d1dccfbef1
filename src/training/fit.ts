import { checkBoolean, checkCallback, checkInteger, checkOptions } from '../common/checks'
import { checkLoader } from '../data/data-loader'
import { FitLogs } from '../logs/fit-logs'
import { FitReport, checkFitReport } from '../report/fit-report'
import { checkFeatureCache } from './fit-features'
import { FitRun } from './fit-run'
import { checkHistory } from './history'
import { checkEarlyStopping, checkEma } from './fit-weights'
import { checkLogs } from '../logs/options'
import { checkMetricName, checkMetricOf } from '../evaluation/metric-names'
import { TRAIN_KEYS, checkTrainOptions } from './train'
import { checkValidation } from './validation'
import type { HeadType } from '../config/head'
import type { AnyCnnLstm, CnnLstm } from '../model/cnn-lstm'
import type { FitObserver } from '../observer'
import type { FitOptions } from './fit-options'

const FIT_KEYS = [
  'train',
  'validation',
  'epochs',
  'initialEpoch',
  'history',
  'best',
  'auc',
  'earlyStopping',
  'ema',
  'featureCache',
  'onEpoch',
  'audit',
  'report',
  'logs',
]

/**
 * Trains for a number of epochs, testing after each where validation data is given.
 *
 * Nothing happens until the run is awaited or iterated. `await run` does all epochs and gives their records;
 * `for await (const epoch of run)` does one epoch for each turn of the loop, and leaving the loop ends the run there.
 * Awaiting it afterwards gives the records there are. A run happens once, however often it is awaited or iterated.
 *
 * @example
 * ```ts
 * import { Adam, CnnLstm, DataLoader, TensorDataset, fit } from 'zoetrope'
 *
 * await using model = await CnnLstm.create({ input: { features: 3 }, classes: ['walk', 'run'], seed: 0 })
 * const data = Float32Array.from({ length: 40 * 20 * 3 }, (_, at) => Math.sin(at) + (at < 1200 ? 0 : 1))
 * const targets = Array.from({ length: 40 }, (_, clip) => (clip < 20 ? 0 : 1))
 * const dataset = new TensorDataset({ inputs: { data, shape: [40, 20, 3] }, targets })
 *
 * const run = fit(model, {
 *   train: new DataLoader(dataset, { batchSize: 8, shuffle: true }),
 *   validation: 0.2,
 *   epochs: 10,
 *   optimizer: new Adam(model),
 *   earlyStopping: { patience: 3 },
 * })
 * for await (const { epoch, validation } of run) console.log(epoch, validation?.accuracy)
 * ```
 *
 * @throws {TypeError} For an argument of a wrong type, an option that does not exist, or another model's optimizer.
 * @throws {RangeError} For a number of epochs out of range, or a schedule by a metric that the epochs will not have.
 */
export function fit<Head extends HeadType>(model: CnnLstm<string, Head>, options: FitOptions<Head>): FitRun<Head>
export function fit(model: AnyCnnLstm, options: FitOptions<HeadType>): FitRun<HeadType>
export function fit(model: AnyCnnLstm, options: FitOptions<HeadType>): FitRun<HeadType> {
  options = checkOptions(options, 'options', [...FIT_KEYS, ...TRAIN_KEYS])
  const {
    train,
    validation,
    epochs,
    initialEpoch: given,
    history: records,
    best,
    auc,
    earlyStopping,
    ema,
    featureCache,
    audit = true,
    report,
    logs,
    onEpoch,
    ...training
  } = options
  checkCallback(onEpoch, 'onEpoch')
  const settings = checkTrainOptions(model, training)
  const decay = checkEma(ema)
  const stopping = checkEarlyStopping(earlyStopping)
  const loader = checkLoader(train, 'train')
  const last = checkInteger(epochs, 'epochs', 1)
  const begun = given === undefined ? given : checkInteger(given, 'initialEpoch', 0, last)
  const history = checkHistory(records, begun)
  const isTested = validation !== undefined
  if (stopping) checkMetricOf(model, stopping.metric, 'earlyStopping.metric', { isTested })
  if (best !== undefined) checkMetricOf(model, checkMetricName(best, 'best'), 'best', { isTested })
  const plan = { best: best ?? stopping?.metric, signal: settings.signal, progress: settings.progress }
  const observers: FitObserver[] = []
  if (logs !== undefined) observers.push(new FitLogs(model, checkLogs(logs), settings.reportEvery))
  if (report !== undefined) observers.push(new FitReport(model, checkFitReport(report), plan))
  return new FitRun({
    model,
    training: decay === undefined ? settings : { ...settings, update: { ...settings.update, emaDecay: decay } },
    train: loader,
    validation: checkValidation(validation, loader),
    epochs: last,
    initialEpoch: begun ?? checkInteger(history?.length ?? 0, 'history.length', 0, last),
    history,
    best: plan.best,
    auc: auc === undefined ? [best, stopping?.metric].includes('auc') : checkBoolean(auc, 'auc'),
    earlyStopping: stopping,
    featureCache: checkFeatureCache(featureCache),
    onEpoch,
    isAudited: checkBoolean(audit, 'audit'),
    observers,
  })
}
