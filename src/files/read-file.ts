/** A single file as the samples that a model takes. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { throwIfAborted } from '../common/abort'
import { fileError, unreadable } from '../data/readers/file-error'
import { ClipStore } from './clip-store'
import { formOf, kindOf, KNOWN_EXTENSIONS } from './form'
import { readerOf } from './open-reader'
import { pick, windowsOf } from './timing'
import type { NdArray } from '../common/nd-array'
import type { Preprocessing } from '../config/preprocessing'
import type { ClipFile } from './form'
import type { Choose } from './reader'
import type { Stretch } from './timing'

/**
 * Reads a file, or a folder of frames, as it was read for training: each window as one sample, or the whole as one where
 * the preprocessing has no windows.
 */
export async function* readFileSamples(
  path: string,
  preprocessing: Preprocessing,
  signal: AbortSignal | undefined,
): AsyncGenerator<NdArray, void> {
  const file = await clipFile(resolve(path), preprocessing)
  const reader = readerOf(preprocessing)
  const store = new ClipStore(reader, { memory: MOST_KEPT, disk: 0, directory: undefined })
  const close = (): void => void store.close()
  signal?.addEventListener('abort', close, { once: true })
  try {
    throwIfAborted(signal)
    for (const window of await windowsOfFile(file, store, preprocessing)) {
      const choose: Choose = ({ steps }) => pick(window ?? { start: 0, count: steps }, preprocessing)
      const { array } = await store.read(file, `${window?.start}`, choose)
      throwIfAborted(signal)
      yield array
    }
  } finally {
    signal?.removeEventListener('abort', close)
    await store.close()
  }
}

/** A recording is decoded once, and its windows are cut from memory, up to so many bytes. */
const MOST_KEPT = 2 ** 32

async function windowsOfFile(
  file: ClipFile,
  store: ClipStore,
  preprocessing: Preprocessing,
): Promise<readonly (Stretch | undefined)[]> {
  if (preprocessing.window === null) return [undefined]
  const { steps, rate } = await store.measure(file)
  return windowsOf(file.path, { start: 0, count: steps }, rate, preprocessing)
}

async function clipFile(path: string, { kind }: Preprocessing): Promise<ClipFile> {
  let isFolder: boolean
  try {
    isFolder = (await stat(path)).isDirectory()
  } catch (cause) {
    throw unreadable({ path }, cause)
  }
  const form = isFolder ? 'folder' : formOf(path)
  if (form !== undefined && kindOf(form) === kind) return { path, form }
  throw fileError(
    { path },
    `a clip of the kind '${kind}' (${KNOWN_EXTENSIONS})`,
    isFolder ? 'a folder' : 'another file',
  )
}
