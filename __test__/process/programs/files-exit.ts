/** Leaves in the middle of reading clips: by `process.exit`, or by a worker that is ended. Arguments: folder, way. */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Worker, isMainThread } from 'node:worker_threads'
import { FolderDataset } from 'zoetrope'

const [, , folder = '', way = ''] = process.argv

async function read(): Promise<void> {
  const dataset = await FolderDataset.open(folder, { print: false, cache: false, ...(way === 'worker' && { size: 8 }) })
  for (;;) await Promise.all(Array.from({ length: dataset.length }, async (_, index) => dataset.get(index)))
}

async function main(): Promise<void> {
  if (!isMainThread) return read()
  if (way === 'worker') {
    const worker = new Worker(__filename, { argv: [folder, way] })
    await new Promise((resolve) => worker.once('online', resolve))
    await setTimeout(300) //                      whatever it does by then: ending it is clean at every moment
    await worker.terminate()
    return
  }
  read().catch(() => undefined)
  while (!existsSync(`${folder}/pid`) || readFileSync(`${folder}/pid`).length === 0) await setTimeout(1)
  process.exit(7)
}

void main()
