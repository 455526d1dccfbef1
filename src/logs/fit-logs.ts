/** A run of `fit` as event files, beside which TensorBoard shows the curves of other runs. */
import { join } from 'node:path'
import { EventFile } from './event-file'
import { histogram, image, scalar } from './event'
import { histogramOf } from './histogram'
import { loaderParts } from '../data/data-loader'
import { askFor, isDataset } from '../data/data-source'
import { METRIC_NAMES } from '../evaluation/metric-names'
import { clipPicture, evenly } from '../pictures/clip'
import { png } from '../pictures/png'
import type { CheckedLogs } from './options'
import type { Value } from './event'
import type { DataLoader } from '../data/data-loader'
import type { FitObserver, ObservedEpoch, ObservedRun } from '../observer'
import type { Figures } from '../evaluation/metric-names'
import type { BatchReport } from '../evaluation/pass'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/**
 * Writes a run's figures. Steps are updates of the optimizer, those of earlier runs included. A loss is of an epoch
 * (`epoch/…`, in the folders `train` and `validation` alike, so that TensorBoard draws both into one chart), or that of
 * an epoch so far (`step/…`).
 */
export class FitLogs implements FitObserver {
  readonly #model: AnyCnnLstm
  readonly #options: CheckedLogs
  /** Batches between two readings. */
  readonly #every: number
  #train: EventFile | undefined
  #validation: EventFile | undefined

  constructor(model: AnyCnnLstm, options: CheckedLogs, every: number) {
    this.#model = model
    this.#options = options
    this.#every = every
  }

  async begin({ train, validation, initialEpoch, step }: ObservedRun): Promise<void> {
    const { directory, clips } = this.#options
    this.#train = await EventFile.open(join(directory, 'train'))
    if (validation !== undefined) this.#validation = await EventFile.open(join(directory, 'validation'))
    for (const file of this.#files()) if (initialEpoch > 0) file.resume(step + 1)
    if (initialEpoch > 0 || clips === 0) return
    const file = this.#validation ?? this.#train
    await file.add(step, await pictures(validation ?? train, clips))
  }

  readonly batch = async (
    { step: batch, steps, loss, accuracy, ...figures }: BatchReport,
    step: number,
  ): Promise<void> => {
    if (batch !== 1 && batch % this.#every !== 0 && batch !== steps) return
    const { learningRate, gradientNorm } = figures
    await this.#train?.add(step, [
      scalar('step/loss', loss),
      ...(Number.isNaN(accuracy) ? [] : [scalar('step/accuracy', accuracy)]),
      scalar('step/learning rate', learningRate),
      ...(gradientNorm === undefined ? [] : [scalar('step/gradient norm', gradientNorm)]),
    ])
  }

  async epoch({ epoch, train, validation }: ObservedEpoch, step: number): Promise<void> {
    const weights = this.#options.histograms ? await this.#weights() : []
    const speed = scalar('epoch/samples per second', train.samplesPerSecond)
    await this.#train?.add(step, [scalar('epoch/number', epoch), speed, ...scalars(train), ...weights])
    if (validation !== undefined) await this.#validation?.add(step, scalars(validation))
    for (const file of this.#files()) await file.flush()
  }

  async end(): Promise<void> {
    for (const file of this.#files()) await file.flush()
  }

  async close(): Promise<void> {
    await Promise.all(this.#files().map(async (file) => file.close()))
  }

  #files(): EventFile[] {
    return [this.#train, this.#validation].filter((file) => file !== undefined)
  }

  async #weights(): Promise<Value[]> {
    const values: Value[] = []
    for (const [name, { data }] of await this.#model.stateDict()) {
      const spread = histogramOf(data)
      if (spread !== undefined) values.push(histogram(`weights/${name}`, spread))
    }
    return values
  }
}

function scalars(figures: Figures): Value[] {
  return METRIC_NAMES.flatMap((name) => {
    const value = figures[name]
    return value === undefined || Number.isNaN(value) ? [] : [scalar(`epoch/${name}`, value)]
  })
}

/** Some clips of a loader's dataset, evenly; none of an iterable. */
async function pictures(loader: DataLoader, most: number): Promise<Value[]> {
  const { source } = loaderParts(loader)
  if (!isDataset(source)) return []
  const values: Value[] = []
  for (const index of evenly(source.length, most)) {
    const { input } = await askFor(source, index)
    const { width, height, ...picture } = clipPicture(input)
    values.push(image(`clips/${index}`, { width, height, png: await png({ width, height, pixels: picture.pixels }) }))
  }
  return values
}
