/** Label strings that do not fit into the frames of their clips, found before the first step where the data are at hand. */
import { framesOf } from './shapes'
import { isDataset, isListed, isPromise } from './data-source'
import { isInMemory, nativeOf } from './dataset'
import { listOf } from '../common/list'
import { checkNdArray } from '../common/nd-array'
import { ZoetropeError, unwrap } from '../errors'
import { origin } from './subset'
import type { DataSource } from './data-source'
import type { Sample, TensorDataset } from './dataset'

/**
 * Checks the samples of a {@link TensorDataset} or an array, also behind subsets. Samples of other datasets are met batch by
 * batch, and are checked there.
 *
 * @throws {ZoetropeError} `ERR_DATA`, naming the sample.
 */
export function checkAlignable(source: DataSource): void {
  if (!isDataset(source)) return
  const inMemory = new Map<TensorDataset, number[]>()
  for (let index = 0; index < source.length; index++) {
    const { dataset, index: at } = origin(source, index)
    if (isInMemory(dataset)) {
      const indices = inMemory.get(dataset) ?? []
      inMemory.set(dataset, indices)
      indices.push(at)
    } else if (isListed(dataset)) {
      const sample = dataset.get(at)
      if (!isPromise(sample)) checkSample(sample, index)
    } else return
  }
  for (const [dataset, indices] of inMemory) unwrap(nativeOf(dataset).checkAlignable(Uint32Array.from(indices)))
}

/** A sample that is none, or whose target is no list, is left to the batch that it comes in. */
function checkSample(sample: Partial<Sample> | null, index: number): void {
  const labels = listOf(sample?.target)
  const frames = framesIn(sample)
  if (labels === undefined || frames === undefined) return
  let repeats = 0
  for (let at = 1; at < labels.length; at++) if (labels.at(at) === labels.at(at - 1)) repeats++
  const needed = labels.length + repeats
  if (frames >= needed) return
  const message =
    `Expected at least ${needed} frames for ${labels.length} labels (${repeats} of them repeat the one before, which takes ` +
    `a blank between), received ${frames} (sample at index ${index}). Cut longer clips, shorten the target, or leave the ` +
    'sample out'
  throw new ZoetropeError('ERR_DATA', message, { index, expected: needed, actual: frames })
}

function framesIn(sample: Partial<Sample> | null): number | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checkNdArray checks it
    return framesOf(checkNdArray(sample?.input as Sample['input'], 'input').shape)
  } catch {
    return undefined
  }
}
