/** Two worker threads, one after the other, and then the main thread. */
import { once } from 'node:events'
import { isMainThread, Worker } from 'node:worker_threads'
import * as zoetrope from 'zoetrope'
import cycle from './cycle.cjs'

if (isMainThread) {
  for (const name of ['first', 'second']) {
    const [status] = await once(new Worker(new URL(import.meta.url)), 'exit')
    console.log(`The ${name} worker ended with ${status}`)
  }
}
await cycle(zoetrope)
