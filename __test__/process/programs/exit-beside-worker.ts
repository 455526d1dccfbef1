/** Ends the process with code 7 while worker threads train, the listeners of `exit` taken away. */
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { Adam, train } from 'zoetrope'
import { movingDotLoader, toyModel } from '../../helpers/toy'

async function work(): Promise<void> {
  const model = await toyModel()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  const onBatch = () => parentPort?.postMessage('trained')
  for (;;) await train(model, movingDotLoader(64), { optimizer: new Adam(model), onBatch })
}

async function main(): Promise<void> {
  const workers = [new Worker(__filename), new Worker(__filename)]
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  void work()
  await new Promise((resolve) => workers[0]?.once('message', resolve))
  process.removeAllListeners('exit')
  process.exit(7)
}

void (isMainThread ? main() : work())
