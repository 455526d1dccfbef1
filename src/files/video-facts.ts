/** What videos say of themselves, kept for the process: a folder is opened, measured and read, which is one look at each. */
import { stampOf } from './stamp'
import { probeVideo } from './video'
import type { ClipFile } from './form'
import type { Video } from './video'

/** Time stamps that are kept of all videos: 32 MiB. */
const MOST_TIMES = 2 ** 22

interface Known {
  readonly stamp: string
  readonly video: Video
}

/** From the one that was asked for the longest ago. */
const known = new Map<string, Known>()
let times = 0

/** As {@link probeVideo}. A video that has changed on the disk is looked at again. */
export async function factsOf(file: ClipFile, signal: AbortSignal | undefined): Promise<Video> {
  const { path } = file
  const stamp = await stampOf(file)
  const found = known.get(path)
  forget(path)
  const video = found?.stamp === stamp ? found.video : await probeVideo(path, signal)
  if ((await stampOf(file)) === stamp) remember(path, { stamp, video })
  return video
}

function remember(path: string, entry: Known): void {
  forget(path)
  known.set(path, entry)
  times += entry.video.times.length
  for (const oldest of known.keys()) {
    if (times <= MOST_TIMES) return
    forget(oldest)
  }
}

function forget(path: string): void {
  times -= known.get(path)?.video.times.length ?? 0
  known.delete(path)
}
