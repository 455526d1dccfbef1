/**
 * Trains epoch after epoch on clips that lie in JavaScript, 1 MiB a batch, each with a loader of its own: prints how the
 * resident memory grew after a warm-up, in MiB.
 */
import { DataLoader, Sgd, train } from 'zoetrope'
import { noise, toyModel } from '../../helpers/toy'

const MEBIBYTE = 2 ** 20
const [warmUp, epochs] = process.argv.slice(2).map(Number) as [number, number]
const input = noise([16, 1, 32, 32])
const samples = Array.from({ length: 64 }, (_, index) => ({ input, target: index % 2 }))

async function main(): Promise<void> {
  await using model = await toyModel({ input: { channels: 1, height: 32, width: 32 } })
  const optimizer = new Sgd(model)
  const epoch = async () => train(model, new DataLoader(samples, { batchSize: 16 }), { optimizer })
  for (let count = 0; count < warmUp; count++) await epoch()
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  for (let count = 0; count < epochs; count++) await epoch()
  globalThis.gc?.()
  process.stdout.write(JSON.stringify({ growth: (process.memoryUsage.rss() - before) / MEBIBYTE }))
}

void main()
