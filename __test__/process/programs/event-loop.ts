/**
 * Trains at full speed and prints the event loop's delay, in milliseconds; beside it the delay of another thread's event
 * loop, which has nothing to do but waits for the processor just the same.
 */
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { Adam, CnnLstm, DataLoader, TensorDataset, train } from 'zoetrope'
import type { IntervalHistogram } from 'node:perf_hooks'

function begun(): IntervalHistogram {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  return delay
}

const p99Of = (delay: IntervalHistogram): number => delay.percentile(99) / 1e6

async function main(): Promise<void> {
  await using model = await CnnLstm.create({
    input: { channels: 3, height: 32, width: 32 },
    numClasses: 3,
    device: 'cpu',
  })
  const inputs = { data: new Uint8Array(256 * 8 * 3 * 32 * 32).fill(3), shape: [256, 8, 3, 32, 32] }
  const loader = new DataLoader(new TensorDataset({ inputs, targets: new Uint8Array(256) }))
  const optimizer = new Adam(model)
  const idle = new Worker(__filename)
  await once(idle, 'message')
  const delay = begun()
  const { seconds } = await train(model, loader, { optimizer })
  delay.disable()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  idle.postMessage('end')
  const [idleP99] = (await once(idle, 'message')) as [number]
  process.stdout.write(JSON.stringify({ seconds, p99: p99Of(delay), max: delay.max / 1e6, idleP99 }))
}

async function beIdle(port: NonNullable<typeof parentPort>): Promise<void> {
  const delay = begun()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  port.postMessage('begun')
  await once(port, 'message')
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  port.postMessage(p99Of(delay))
  port.close()
}

void (isMainThread || parentPort === null ? main() : beIdle(parentPort))
