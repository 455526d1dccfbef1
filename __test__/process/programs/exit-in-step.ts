/** Calls `process.exit(7)` while a step of about a second is running and another waits. */
import { Adam, CnnLstm, DataLoader, TensorDataset, setNumThreads, train } from 'zoetrope'

async function main(): Promise<void> {
  setNumThreads(1)
  const model = await CnnLstm.create({ input: { channels: 3, height: 64, width: 64 }, numClasses: 3, device: 'cpu' })
  const inputs = { data: new Uint8Array(96 * 10 * 3 * 64 * 64), shape: [96, 10, 3, 64, 64] }
  const loader = new DataLoader(new TensorDataset({ inputs, targets: new Uint8Array(96) }), { batchSize: 32 })
  setTimeout(() => {
    process.stdout.write('leaving\n')
    process.exit(7)
  }, 300)
  await train(model, loader, { optimizer: new Adam(model) })
  process.stdout.write('too late\n')
}

void main()
