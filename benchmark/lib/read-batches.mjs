/** The pool that `batches.mjs` wrote, as the workers in Node read it. */
import { open } from 'node:fs/promises'
import { stepShape } from './network.mjs'

/** The first `count` batches of the pool, as the other contenders have them. */
export async function readBatches({ inputs: inputsFile, targets: targetsFile, config }, { batch, time }, count) {
  const frame = stepShape(config)
  const shape = time === 1 ? [batch, ...frame] : [batch, time, ...frame]
  const values = shape.reduce((product, length) => product * length, 1)
  const inputs = new Float32Array(count * values)
  const targets = new Int32Array(count * batch)
  await fill(inputsFile, inputs)
  await fill(targetsFile, targets)
  return Array.from({ length: count }, (_, index) => ({
    inputs: { data: inputs.subarray(index * values, (index + 1) * values), shape },
    targets: targets.subarray(index * batch, (index + 1) * batch),
  }))
}

async function fill(path, array) {
  const file = await open(path)
  try {
    await file.read(array, 0, array.byteLength, 0)
  } finally {
    await file.close()
  }
}
