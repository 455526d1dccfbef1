/** What tells whether a clip has changed on the disk. */
import { stat } from 'node:fs/promises'
import { unreadable } from '../data/readers/file-error'
import { unwrap } from '../errors'
import { native } from '../native'
import type { ClipFile } from './form'

/** Of a file its size, its place on the disk and the times of its last changes; of a folder of frames those of its files. */
export async function stampOf({ path, form }: ClipFile): Promise<string> {
  if (form === 'folder') return unwrap(await native().folderStamp(path))
  try {
    const { size, ino, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${size}:${ino}:${mtimeNs}:${ctimeNs}`
  } catch (cause) {
    throw unreadable({ path }, cause)
  }
}
