/** The reader of each kind of clips. */
import { ArrayReader, arrayPreprocessing } from './array-reader'
import { FramesReader, framesPreprocessing } from './frames-reader'
import { SoundReader, soundPreprocessing } from './sound-reader'
import { TableReader, tablePreprocessing } from './table-reader'
import type { ClipKind, Preprocessing, TimingPreprocessing } from '../config/preprocessing'
import type { ClipFile } from './form'
import type { ClipReader } from './reader'

/** How clips are read: by the options, and what the first clip says where these are silent. */
export async function preprocessingOf(
  kind: ClipKind,
  own: Readonly<Record<string, unknown>>,
  timing: TimingPreprocessing,
  first: ClipFile,
): Promise<Preprocessing> {
  if (kind === 'frames') return framesPreprocessing(own, timing, first)
  if (kind === 'sound') return soundPreprocessing(own, timing, first)
  if (kind === 'table') return tablePreprocessing(own, timing, first)
  return arrayPreprocessing(own, timing, first)
}

/** Reads clips as they were read before. */
export function readerOf(preprocessing: Preprocessing): ClipReader {
  if (preprocessing.kind === 'frames') return new FramesReader(preprocessing)
  if (preprocessing.kind === 'sound') return new SoundReader(preprocessing)
  if (preprocessing.kind === 'table') return new TableReader(preprocessing)
  return new ArrayReader(preprocessing)
}
