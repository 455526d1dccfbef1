/** What the samples of a loader are like: ranges and moments by channel, counts by class. */
import { openBatches } from './data-loader'
import { unwrap } from './errors'
import { native } from './native'
import type { AbortScope } from './abort'
import type { DataLoader } from './data-loader'
import type { NativeProfileReading } from './native'

/** Reads an epoch of a loader. */
export async function profile(loader: DataLoader, abort: AbortScope): Promise<NativeProfileReading> {
  abort.throwIfAborted()
  const data = new (native().NativeDataProfile)()
  const batches = openBatches(loader)
  try {
    for (;;) {
      const next = await abort.race(batches.next())
      if (next.done === true) return data.read()
      unwrap(await abort.race(data.add(next.value.toNative())))
    }
  } finally {
    void batches.close().catch(() => undefined) //       a source that hangs must not keep the caller waiting
  }
}
