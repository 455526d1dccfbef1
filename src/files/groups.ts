/** What belongs together in a split, by the names of files and folders. */
import { dirname } from 'node:path/posix'
import { ignoreRejection } from '../common/callbacks'
import { describe, reasonOf } from '../common/checks'
import { ZoetropeError } from '../errors'

/** The rule by which a clip's group is found: see `group` of {@link FolderDataset.open}. */
export type GroupRule = 'prefix' | 'folder' | 'clip' | ((path: string) => string | number)

/** A clip as the rules see it. */
export interface Named {
  /** Below the dataset's folder, parted by `/`. */
  readonly path: string
  /** The class folder's name, or the label. */
  readonly label: string | undefined
}

/** The group of each clip, and how it was found, in words. */
export interface Groups {
  readonly ids: readonly string[]
  readonly rule: string
}

const WORDS = {
  prefix: 'the name in front of the first _',
  folder: 'the folder between class and clip',
  clip: 'each clip by itself',
} as const

/**
 * The group of each clip. Without a rule the first of prefix and folder that makes more than one group, and fewer than
 * there are clips; else each clip is a group.
 */
export function groupsOf(clips: readonly Named[], rule: GroupRule | undefined): Groups {
  if (typeof rule === 'function') return { ids: clips.map((clip) => byFunction(rule, clip)), rule: 'a function' }
  if (rule !== undefined) return { ids: clips.map(byName(rule)), rule: WORDS[rule] }
  for (const candidate of ['prefix', 'folder'] as const) {
    const ids = clips.map(byName(candidate))
    const count = new Set(ids).size
    if (count > 1 && count < clips.length) return { ids, rule: WORDS[candidate] }
  }
  return { ids: clips.map(byName('clip')), rule: WORDS.clip }
}

function byName(rule: 'prefix' | 'folder' | 'clip'): (clip: Named) => string {
  if (rule === 'clip') return ({ path }) => path
  return rule === 'prefix' ? prefixOf : folderOf
}

/** `anna` of `yes/anna_01.wav`, and of `yes/yes_anna_01.wav`: the class's own name does not count. */
function prefixOf({ path, label }: Named): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const parts = name.split('_')
  const own = parts[0]?.toLowerCase() === label?.toLowerCase() && parts.length > 2 ? parts.slice(1) : parts
  return own.length > 1 && own[0] !== undefined && own[0] !== '' ? own[0] : path
}

/** `anna` of `yes/anna/01.wav`; a clip right in its class folder is a group of its own. */
function folderOf({ path, label }: Named): string {
  const folder = dirname(path)
  if (folder === '.' || folder === label) return path
  return label !== undefined && folder.startsWith(`${label}/`) ? folder.slice(label.length + 1) : folder
}

function byFunction(rule: (path: string) => string | number, { path }: Named): string {
  let id: unknown
  try {
    id = rule(path)
  } catch (cause) {
    throw new ZoetropeError('ERR_DATA', `\`group\` failed for '${path}': ${reasonOf(cause)}`, { path }, { cause })
  }
  if (typeof id === 'string' || (typeof id === 'number' && !Number.isNaN(id))) return String(id)
  ignoreRejection(id)
  const message = `Expected text or a number from \`group\` for '${path}', received ${describe(id)}`
  throw new ZoetropeError('ERR_DATA', message, { path, actual: id })
}
