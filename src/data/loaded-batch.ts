/** Batches on their way from a dataset to a model. */
import { Collator } from './collate'
import { dataError } from './data-error'
import { askFor, isPromise } from './data-source'
import { isInMemory, nativeOf } from './dataset'
import { unwrap } from '../errors'
import { native } from '../native'
import { partialBatch } from './kept-features'
import { timeOf } from './shapes'
import { origin } from './subset'
import { crossingTargets } from './targets'
import type { ArrayCache } from './array-cache'
import type { AugmentConfig } from './augment'
import type { Batch } from './collate'
import type { Dataset, Sample } from './dataset'
import type { FactBook, KeptFeatures } from './kept-features'
import type { NdArray } from '../common/nd-array'
import type { NativeBatch } from '../native'

/** A batch on its way to a model: native at once, or as arrays for a loop by hand. */
export interface LoadedBatch {
  readonly samples: number
  toNative(): NativeBatch
  toArrays(): Batch | Promise<Batch>
  /**
   * Gives this batch's array to a later batch. The native batch reads the array where it lies, so this is called only
   * when the job that used it is done, and only if nobody else was given the arrays.
   */
  recycle?(): void
  /** The batch loaded again, where it came without frames whose features do not hold any more. */
  again?(): Promise<LoadedBatch> | undefined
}

interface Augmentation {
  readonly config: AugmentConfig
  readonly seed: number
  readonly epoch: number
  /** Each sample's index in the loader's source. */
  readonly indices: Uint32Array
}

/** Asks for all samples of a batch at once and copies each as it comes. The first failure ends the batch. */
export async function collated(dataset: Dataset, indices: Uint32Array, pool: ArrayCache): Promise<LoadedBatch> {
  return loaded(await collect(dataset, indices, pool), indices)
}

async function collect(dataset: Dataset, indices: Uint32Array, pool: ArrayCache, facts?: FactBook): Promise<Collator> {
  const batch = new Collator(indices.length, pool)
  let hasFailed = false
  const set = async (position: number, index: number): Promise<void> => {
    let sample: Sample
    try {
      const asked = askFor(dataset, index)
      sample = isPromise(asked) ? await asked : asked //  a sample that is there is copied before the next is asked for
    } catch (cause) {
      hasFailed = true
      throw dataError(index, cause)
    }
    batch.set(position, index, sample)
    facts?.add(index, sample)
  }
  const samples: Promise<void>[] = []
  for (const [position, index] of indices.entries()) {
    samples.push(set(position, index))
    if (hasFailed) break
  }
  await Promise.all(samples)
  return batch
}

/** A batch whose features are kept from now on; it has all frames. */
export function keeping(batch: LoadedBatch, indices: Uint32Array, features: KeptFeatures): LoadedBatch {
  const toNative = (): NativeBatch => {
    const made = batch.toNative()
    unwrap(made.keepFeatures(features.native, indices, features.version, null))
    return made
  }
  return { ...batch, toNative }
}

/** As {@link collated}, but samples whose features are kept are not asked for. */
export async function collatedInPart(
  dataset: Dataset,
  indices: Uint32Array,
  pool: ArrayCache,
  features: KeptFeatures,
): Promise<LoadedBatch> {
  const { version } = features
  const missing = features.native.missing(indices, version)
  const known = features.facts?.of(indices.filter((_, position) => !missing.includes(position)))
  if (missing.length === indices.length || known === undefined) {
    return keeping(loaded(await collect(dataset, indices, pool, features.facts), indices), indices, features)
  }
  const asked = missing.map((position) => indices[position] ?? 0)
  const collator = asked.length === 0 ? undefined : await collect(dataset, asked, pool, features.facts)
  const facts = features.facts?.of(indices)
  if (facts === undefined) return keeping(await collated(dataset, indices, pool), indices, features)
  const inputs = collator?.finish(asked.length).inputs
  return {
    samples: indices.length,
    toNative: () => partialBatch({ indices, present: missing, inputs, facts }, features, version),
    toArrays: async () => (await collated(dataset, indices, pool)).toArrays(),
    recycle: () => collator?.recycle(),
    again: () => (features.version === version ? undefined : collatedInPart(dataset, indices, pool, features)),
  }
}

/** The first samples that were put together; `indices` are their places in the source, for messages. */
export function loaded(collator: Collator, indices: Uint32Array): LoadedBatch {
  const batch = collator.finish(indices.length)
  const { inputs, lengths = null, targets, targetShape, targetLengths, targetNames } = batch
  return {
    samples: inputs.shape[0] ?? 0,
    toNative: () => {
      const given = { data: targets, shape: targetShape, lengths: targetLengths, names: targetNames }
      const crossing = targetShape[0] === 0 ? null : crossingTargets(given)
      const { data, shape } = inputs
      return unwrap(native().NativeBatch.lent(data, [...shape], lengths, crossing, indices))
    },
    toArrays: () => batch,
    recycle: () => collator.recycle(),
  }
}

/** A batch whose clips are changed by a native thread as soon as it is made native. */
export function augmented(batch: LoadedBatch, { config, seed, epoch, indices }: Augmentation): LoadedBatch {
  const toNative = (): NativeBatch => {
    const made = batch.toNative()
    unwrap(made.augment(config, seed, epoch, indices))
    return made
  }
  return {
    ...batch,
    toNative,
    toArrays: async () => {
      const { inputs, lengths: _before, ...targets } = await batch.toArrays()
      const changed = unwrap(await toNative().readInputs())
      return { ...trimmed(changed, timeOf(inputs.shape)), ...targets }
    },
  }
}

/** Clips that are padded to the longest of a dataset, cut to the `time` of the longest of their batch. */
function trimmed(
  { data, shape, lengths }: NdArray & { readonly lengths?: Int32Array },
  time: number,
): Pick<Batch, 'inputs' | 'lengths'> {
  const rest = lengths === undefined ? {} : { lengths }
  const [batch = 0] = shape
  const before = timeOf(shape)
  if (before === time) return { inputs: { data, shape }, ...rest }
  const frame = data.length / (batch * before)
  const kept = data.slice(0, batch * time * frame)
  for (let clip = 0; clip < batch; clip++) {
    const from = clip * before * frame
    kept.set(data.subarray(from, from + time * frame), clip * time * frame)
  }
  return { inputs: { data: kept, shape: [batch, time, ...shape.slice(2)] }, ...rest }
}

/**
 * A batch whose indices alone cross, where a `TensorDataset` lies at the bottom of the dataset, and nothing between them
 * changes samples.
 */
export function gathered(source: Dataset, chosen: Uint32Array): LoadedBatch | undefined {
  const { dataset } = origin(source, chosen[0] ?? 0)
  if (!isInMemory(dataset)) return undefined
  const memory = nativeOf(dataset)
  const places = Array.from(chosen, (index) => origin(source, index))
  if (places.some((place) => place.dataset !== dataset)) return undefined
  const indices = Uint32Array.from(places, ({ index }) => index)
  return {
    samples: indices.length,
    toNative: () => unwrap(memory.batch(indices)),
    toArrays: () => {
      const batch = new Collator(indices.length)
      for (const [position, index] of indices.entries()) batch.set(position, index, dataset.get(index))
      return batch.finish(indices.length)
    },
  }
}
