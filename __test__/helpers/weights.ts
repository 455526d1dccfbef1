import type { CnnLstm } from 'zoetrope'

/** Every parameter and statistic of a model, bit for bit. */
export async function bytesOf(model: CnnLstm): Promise<string> {
  const parts: Uint8Array[] = []
  for (const { data } of (await model.stateDict()).values())
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return Buffer.concat(parts).toString('base64')
}
