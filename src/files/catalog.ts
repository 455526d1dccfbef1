/** The clips of a folder or a manifest: what they are, what they mean, and what belongs together. */
import { stat } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { describe } from '../common/checks'
import { fileError, unreadable } from '../data/readers/file-error'
import { Turns } from '../data/scan'
import { formOf, kindOf, KNOWN_EXTENSIONS } from './form'
import { groupsOf } from './groups'
import { isManifest, readManifest } from './manifest'
import { compareNaturally } from './natural-order'
import { Walk } from './walk'
import type { ClipKind } from '../config/preprocessing'
import type { Place } from '../data/readers/file-error'
import type { ClipForm } from './form'
import type { Groups } from './groups'
import type { ManifestEntry } from './manifest'
import type { CheckedFolderOptions } from './options'
import type { PassedOver } from './walk'

/** One clip. */
export interface Clip {
  /** Below the root, parted by `/`. */
  readonly path: string
  readonly form: ClipForm
  /** The name of its class, where it has one. */
  readonly label: string | undefined
  /** The target, where it has no class. */
  readonly target: number | readonly number[] | undefined
  /** The string of labels that is its target. */
  readonly labels: readonly string[] | undefined
  /** Where it begins and ends in its file, in the unit of the preprocessing. */
  readonly from: number | undefined
  readonly to: number | undefined
  readonly group: string | undefined
  /** Frames of a folder of images. */
  readonly frames: number | undefined
  /** Where a manifest names it. */
  readonly place: Place | undefined
}

/** What the target of a clip is: the class that it is of, a string of labels, or one or several numbers. */
export type TargetKind = 'class' | 'labels' | 'numbers'

/** Everything that was found. */
export interface Catalog {
  /** The folder that the clips' paths begin in. */
  readonly root: string
  readonly kind: ClipKind
  /** In order; none where targets are numbers. */
  readonly classes: readonly string[]
  readonly targetKind: TargetKind
  readonly clips: readonly Clip[]
  readonly groups: Groups
  readonly passedOver: readonly PassedOver[]
  /** How many were passed over: more than the list may have. */
  readonly passedOverCount: number
}

/** Looks for clips below a folder, or in a manifest. */
export async function readCatalog(path: string, options: CheckedFolderOptions): Promise<Catalog> {
  const found = await (isManifest(path) ? fromManifest(path, options) : fromFolder(path, options))
  const kind = options.kind ?? kindOfAll(path, found.clips)
  const clips = found.clips.filter(({ form }) => kindOf(form) === kind)
  const others = found.clips.length - clips.length
  if (clips.length === 0) throw fileError({ path }, `clips of the kind '${kind}'`, describeKinds(found.clips))
  const classes = options.classes ?? [...new Set(clips.flatMap(labelsOf))].toSorted(compareNaturally)
  checkLabels(path, clips, classes)
  const targetKind = targetKindOf(clips)
  const passedOver = found.clips.filter(({ form }) => kindOf(form) !== kind).slice(0, MOST_LISTED)
  return {
    root: found.root,
    kind,
    classes: targetKind === 'numbers' ? [] : classes,
    targetKind,
    clips,
    groups: groupsOfClips(clips, options),
    passedOver: [
      ...found.passedOver,
      ...passedOver.map(({ path: other }) => ({ path: other, reason: 'another kind' })),
    ],
    passedOverCount: found.passedOverCount + others,
  }
}

const MOST_LISTED = 1000
const MOST_SHOWN = 20

type Found = Pick<Catalog, 'root' | 'clips' | 'passedOver' | 'passedOverCount'>

async function fromFolder(root: string, { scanning }: CheckedFolderOptions): Promise<Found> {
  await checkFolder(root)
  const walk = new Walk(root, scanning.signal)
  const clips: Clip[] = []
  for (const label of await walk.classes()) {
    for await (const { path, form, frames } of walk.clips(label)) {
      clips.push({ ...NOTHING, path, form, label, frames })
    }
  }
  if (clips.length > 0) return { root, clips, passedOver: walk.others, passedOverCount: walk.othersCount }
  const first = walk.others[0]
  const actual =
    first === undefined ? 'an empty folder' : `no clip, but ${walk.othersCount} other files ('${first.path}')`
  throw fileError({ path: root }, `a folder for each class, with clips in it (${KNOWN_EXTENSIONS}),`, actual)
}

const NOTHING = {
  target: undefined,
  labels: undefined,
  from: undefined,
  to: undefined,
  group: undefined,
  place: undefined,
} as const

async function fromManifest(path: string, { scanning }: CheckedFolderOptions): Promise<Found> {
  const root = dirname(path)
  const turns = new Turns(scanning.signal)
  const forms = new Map<string, ClipForm>() //        many rows may name parts of one file
  const clips: Clip[] = []
  for (const entry of await readManifest(path)) {
    await turns.take()
    const form = forms.get(entry.path) ?? (await formOfEntry(root, entry))
    forms.set(entry.path, form)
    const { label, target, labels, from, to, group, place } = entry
    clips.push({
      path: below(root, entry.path),
      form,
      label,
      target,
      labels,
      from,
      to,
      group,
      frames: undefined,
      place,
    })
  }
  return { root, clips, passedOver: [], passedOverCount: 0 }
}

/** A path as a manifest writes it, below its folder and parted by `/`. */
function below(root: string, path: string): string {
  return relative(root, resolve(root, path.replaceAll('\\', '/'))).replaceAll(sep, '/')
}

async function formOfEntry(root: string, { path, place }: ManifestEntry): Promise<ClipForm> {
  const form = formOf(path)
  if (form !== undefined) return form
  try {
    if ((await stat(resolve(root, path))).isDirectory()) return 'folder'
  } catch (cause) {
    throw unreadable(place, cause)
  }
  throw fileError(place, `a clip (${KNOWN_EXTENSIONS}, or a folder of frames)`, describe(path))
}

async function checkFolder(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return
  } catch (cause) {
    throw unreadable({ path }, cause)
  }
  throw fileError({ path }, 'a folder of class folders, or a manifest (.csv, .jsonl)', 'a file')
}

function kindOfAll(path: string, clips: readonly Clip[]): ClipKind {
  const kinds = new Set(clips.map(({ form }) => kindOf(form)))
  const [only] = kinds
  if (kinds.size === 1 && only !== undefined) return only
  throw fileError({ path }, 'clips of one kind', `${describeKinds(clips)}: \`kind\` says which are taken`)
}

/** "12 sound ('a.wav') and 3 frames ('b.jpg')" */
function describeKinds(clips: readonly Clip[]): string {
  const byKind = new Map<ClipKind, { count: number; path: string }>()
  for (const { form, path } of clips) {
    const entry = byKind.get(kindOf(form)) ?? { count: 0, path }
    byKind.set(kindOf(form), { ...entry, count: entry.count + 1 })
  }
  return [...byKind].map(([kind, { count, path }]) => `${count} of '${kind}' ('${path}')`).join(' and ') || 'none'
}

function checkLabels(path: string, clips: readonly Clip[], classes: readonly string[]): void {
  const known = new Set(classes)
  const unknown = clips.find((clip) => labelsOf(clip).some((label) => !known.has(label)))
  if (unknown === undefined) return
  const expected = `the classes ${classes.slice(0, MOST_SHOWN).join(', ')}`
  const label = labelsOf(unknown).find((name) => !known.has(name))
  throw fileError(unknown.place ?? { path }, expected, `${describe(label)} ('${unknown.path}')`)
}

/** A manifest's groups where it names one for each clip, unless a rule is given. */
function groupsOfClips(clips: readonly Clip[], { group }: CheckedFolderOptions): Groups {
  const named = clips.map((clip) => clip.group)
  if (group === undefined && named.every(isText)) return { ids: named, rule: "the manifest's column group" }
  return groupsOf(clips, group)
}

function labelsOf({ label, labels }: Clip): readonly string[] {
  return label === undefined ? (labels ?? []) : [label]
}

function targetKindOf([first]: readonly Clip[]): TargetKind {
  if (first?.label !== undefined) return 'class'
  return first?.labels === undefined ? 'numbers' : 'labels'
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}
