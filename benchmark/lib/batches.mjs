/** The data that every contender reads: a pool of numbers from one seed, in files. Batch k is its k-th piece. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { elements } from './network.mjs'
import { mulberry32 } from './random.mjs'

const POOL = 2 ** 24 //         numbers: 64 MiB, enough for the largest batch of the scaling section
const TARGETS = 2 ** 16
const SWEEP = 2 ** 23 //        numbers that one sweep over the distinct batches may have
const MOST_BATCHES = 64
const SEED = 20_110_211

/** Writes the pool: pixels in [0, 1) and classes 0 … 9, little-endian as every machine with libtorch is. */
export async function writePool(folder) {
  const random = mulberry32(SEED)
  const inputs = Float32Array.from({ length: POOL }, random)
  const targets = Int32Array.from({ length: TARGETS }, () => Math.floor(random() * 10))
  const files = { inputs: join(folder, 'inputs.f32'), targets: join(folder, 'targets.i32') }
  await writeFile(files.inputs, inputs)
  await writeFile(files.targets, targets)
  return files
}

/** How many distinct batches of this shape are gone through. */
export function distinctBatches(shape) {
  return Math.max(1, Math.min(MOST_BATCHES, Math.floor(SWEEP / elements(shape))))
}
