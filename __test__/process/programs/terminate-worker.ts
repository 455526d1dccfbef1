/**
 * Terminates worker threads in the middle of steps that read JavaScript arrays where they lie: the model's thread, and
 * with augmentation the one that prepares batches.
 */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Adam, CnnLstm, DataLoader, setNumThreads, train } from 'zoetrope'

const WORKERS = 12

async function work(flip: number): Promise<void> {
  setNumThreads(1)
  const model = await CnnLstm.create({ input: { channels: 1, height: 64, width: 64 }, numClasses: 2, device: 'cpu' })
  const get = (index: number) => ({
    input: { data: new Float32Array(16 * 64 * 64).fill(index), shape: [16, 1, 64, 64] },
    target: index % 2,
  })
  const loader = new DataLoader({ length: 1024, get }, { batchSize: 32, augment: flip > 0 ? { flip } : undefined })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  const onBatch = () => parentPort?.postMessage('trained')
  await train(model, loader, { optimizer: new Adam(model), onBatch })
}

async function main(): Promise<void> {
  for (let count = 0; count < WORKERS; count++) {
    const worker = new Worker(__filename, { workerData: count % 2 === 0 ? 0 : 0.5 })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await new Promise((resolve) => setTimeout(resolve, 7 * count))
    process.stdout.write(`${await worker.terminate()}\n`)
  }
}

void (isMainThread ? main() : work(workerData as number))
