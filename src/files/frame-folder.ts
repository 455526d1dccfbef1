import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError, unreadable } from '../data/readers/file-error'
import { formOf, isHidden } from './form'
import { compareNaturally } from './natural-order'

/** The images of a folder of frames, in natural order. */
export async function imagesIn(path: string): Promise<readonly string[]> {
  let names: readonly string[]
  try {
    names = await readdir(path)
  } catch (cause) {
    throw unreadable({ path }, cause)
  }
  const images = names.filter((name) => formOf(name) === 'image' && !isHidden(name)).toSorted(compareNaturally)
  if (images.length === 0) throw fileError({ path }, 'frames as JPEG or PNG', 'a folder without any')
  return images.map((name) => join(path, name))
}
