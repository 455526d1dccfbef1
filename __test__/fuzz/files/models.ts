/** Weights as files: a model of its own, and a state dict as other programs write it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { CnnLstm } from 'zoetrope'
import { FRAMES, REGRESSION, VECTORS } from '../calls/world'
import type { World } from '../calls/world'

/** Writes `model.safetensors`, two more of other kinds, and `state.safetensors`, which has no configuration. */
export async function writeModels(world: World): Promise<void> {
  await write(world, 'model.safetensors', await CnnLstm.create(FRAMES))
  await write(world, 'vectors.safetensors', await CnnLstm.create(VECTORS))
  await write(world, 'regression.safetensors', await CnnLstm.create(REGRESSION))
  const { header, data } = parseSafetensors(readFileSync(world.file('model.safetensors')))
  delete header[METADATA]
  writeFileSync(world.file('state.safetensors'), formatSafetensors(header, data))
}

async function write(world: World, name: string, model: Pick<CnnLstm, 'save' | 'dispose'>): Promise<void> {
  await model.save(world.file(name))
  await model.dispose()
}

/** Where a file keeps what is no tensor. */
export const METADATA = '__metadata__'

export type Header = Record<string, Record<string, unknown>>

export function parseSafetensors(file: Buffer): { header: Header; data: Buffer } {
  const end = 8 + Number(file.readBigUInt64LE(0))
  return { header: JSON.parse(file.toString('utf8', 8, end)) as Header, data: file.subarray(end) }
}

export function formatSafetensors(header: unknown, data: Buffer): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}
