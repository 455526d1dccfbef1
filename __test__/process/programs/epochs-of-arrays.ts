/** Epoch after epoch on clips that lie in JavaScript, 1 MiB a batch, each with a loader of its own: prints how the memory grew. */
import { DataLoader, Sgd, train } from 'zoetrope'
import { printGrowth } from '../../helpers/growth'
import { noise, toyModel } from '../../helpers/toy'

const input = noise([16, 1, 32, 32])
const samples = Array.from({ length: 64 }, (_, index) => ({ input, target: index % 2 }))

async function main(): Promise<void> {
  await using model = await toyModel({ input: { channels: 1, height: 32, width: 32 } })
  const optimizer = new Sgd(model)
  await printGrowth(async () => train(model, new DataLoader(samples, { batchSize: 16 }), { optimizer }))
}

void main()
