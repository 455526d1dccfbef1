/** Samples of which a model keeps features: their frames need not be read again. */
import { copied, listOf } from '../common/list'
import { framesOf, sampleHasTime } from './shapes'
import { unwrap } from '../errors'
import { native } from '../native'
import { TargetCollator, crossingTargets } from './targets'
import type { NdArray } from '../common/nd-array'
import type { NativeBatch, NativeFeatures } from '../native'
import type { Sample } from './dataset'
import type { Target } from './targets'

/** What is remembered of a sample besides its features. */
interface SampleFacts {
  readonly shape: readonly number[]
  readonly target: Target | undefined
}

/** Where the features of a loader's samples are kept, by the samples' indices in its source. */
export interface KeptFeatures {
  /** Counts what may have changed the encoder: features that were kept before hold for the jobs asked for before. */
  readonly version: number
  readonly native: NativeFeatures
  /** What is known of the samples that were read; none where nothing is kept. */
  readonly facts: FactBook | undefined
}

/** Shapes and targets of samples, by their indices. */
export class FactBook {
  readonly #facts = new Map<number, SampleFacts>()

  /** Remembers a sample that was checked. */
  add(index: number, { input, target }: Sample): void {
    if (!this.#facts.has(index)) this.#facts.set(index, { shape: [...input.shape], target: copyOf(target) })
  }

  /** What is known of samples; `undefined` unless they can be in one batch. */
  of(indices: Uint32Array): SampleFacts[] | undefined {
    const facts = Array.from(indices, (index) => this.#facts.get(index))
    const [first] = facts
    const isAlike = (entry: SampleFacts | undefined): entry is SampleFacts =>
      entry !== undefined && first !== undefined && stepOf(entry.shape) === stepOf(first.shape)
    return facts.every(isAlike) ? facts : undefined
  }

  clear(): void {
    this.#facts.clear()
  }
}

/** A batch of which the samples at the positions `present` have inputs; the others have features. */
export interface PartialBatch {
  readonly indices: Uint32Array
  readonly present: Uint32Array
  /** `[present, …]`; `undefined` where there are none. */
  readonly inputs: NdArray | undefined
  readonly facts: readonly SampleFacts[]
}

/** Puts a batch together that native code completes with features. */
export function partialBatch(
  { indices, present, inputs, facts }: PartialBatch,
  features: KeptFeatures,
  version: number,
): NativeBatch {
  const frames = Int32Array.from(facts, ({ shape }) => framesOf(shape))
  const longest = frames.reduce((most, count) => Math.max(most, count), 1)
  const targets = new TargetCollator()
  for (const [position, { target }] of facts.entries()) targets.set(position, indices[position] ?? 0, target)
  const collected = targets.finish(facts.length)
  const step = facts[0]?.shape ?? []
  const { data, shape } = inputs ?? { data: new Float32Array(0), shape: [0] }
  const batch = unwrap(
    native().NativeBatch.lentInPart(
      data,
      [...shape],
      [facts.length, ...(sampleHasTime(step) ? [longest, ...step.slice(1)] : step)],
      frames.some((count) => count < longest) ? frames : null,
      collected === undefined ? null : crossingTargets(collected),
      indices,
    ),
  )
  unwrap(batch.keepFeatures(features.native, indices, version, present))
  return batch
}

/** A sample's shape without its time, and whether it has one. */
function stepOf(shape: readonly number[]): string {
  return sampleHasTime(shape) ? `time,${shape.slice(1).join()}` : shape.join()
}

/** A copy of a target that was checked: a dataset may use one array for all samples. */
function copyOf(target: Target | undefined): Target | undefined {
  if (target === undefined || typeof target === 'number') return target
  const list = listOf(target)
  if (list === undefined) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a checked target that is no list is an NdArray
    const { data, shape } = target as NdArray
    return { data: data.slice(), shape: [...shape] }
  }
  const entries = Array.from({ length: list.length }, (_, at) => list.at(at))
  if (entries.every((entry) => typeof entry === 'string')) return entries
  return copied(list, Float64Array, Number)
}
