/** What a file or folder is as a clip, by its name. */
import { extname } from 'node:path'
import type { ClipKind } from '../config/preprocessing'

/** How a clip lies on the disk. */
export type ClipForm = 'video' | 'folder' | 'image' | 'sound' | 'table' | 'array'

/** A file, or a folder of frames, that is a clip or holds several. */
export interface ClipFile {
  /** Absolute. */
  readonly path: string
  readonly form: ClipForm
  /** Images in a folder of frames, where they were counted. */
  readonly frames?: number | undefined
}

const EXTENSIONS: Readonly<Record<Exclude<ClipForm, 'folder'>, readonly string[]>> = {
  video: ['.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg', '.ogv', '.wmv', '.flv', '.3gp', '.gif'],
  image: ['.jpg', '.jpeg', '.png'],
  sound: ['.wav', '.flac', '.mp3', '.ogg', '.oga'],
  table: ['.csv', '.tsv'],
  array: ['.npy', '.npz'],
}

const FORMS = new Map<string, ClipForm>()
for (const form of ['video', 'image', 'sound', 'table', 'array'] as const)
  for (const extension of EXTENSIONS[form]) FORMS.set(extension, form)

/** Every extension that is a clip, for messages. */
export const KNOWN_EXTENSIONS = [...FORMS.keys()].join(', ')

/** What a file is by the end of its name; `undefined` for what is no clip. */
export function formOf(name: string): ClipForm | undefined {
  return FORMS.get(extname(name).toLowerCase())
}

/** What a clip of this form is to a model. */
export function kindOf(form: ClipForm): ClipKind {
  return form === 'video' || form === 'folder' || form === 'image' ? 'frames' : form
}

/** Names that programs and systems write for themselves: `.DS_Store`, `._frame1.jpg`, `Thumbs.db`. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || name === 'Thumbs.db' || name === 'desktop.ini' || name === '__MACOSX'
}
