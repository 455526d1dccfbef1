/** Trains at full speed and prints the event loop's delay, in milliseconds. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Adam, CnnLstm, DataLoader, TensorDataset, train } from 'zoetrope'

async function main(): Promise<void> {
  await using model = await CnnLstm.create({
    input: { channels: 3, height: 32, width: 32 },
    numClasses: 3,
    device: 'cpu',
  })
  const inputs = { data: new Uint8Array(256 * 8 * 3 * 32 * 32).fill(3), shape: [256, 8, 3, 32, 32] }
  const loader = new DataLoader(new TensorDataset({ inputs, targets: new Uint8Array(256) }))
  const optimizer = new Adam(model)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const { seconds } = await train(model, loader, { optimizer })
  delay.disable()
  process.stdout.write(JSON.stringify({ seconds, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }))
}

void main()
