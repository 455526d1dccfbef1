import { checkBoolean, checkNumber, checkObject, checkOptions, describe, rangeError } from '../../common/checks'
import { ZoetropeError } from '../../errors'
import { readFingerprints } from './fingerprints'
import { checkBy } from './group-ids'
import { NearestClips, centre } from './near'
import { checkListed } from '../limits'
import { SCAN_KEYS, Turns, checkScanOptions } from '../scan'
import { checkDataset, origin } from '../subset'
import type { Dataset, Sample } from '../dataset'
import type { Fingerprints } from './fingerprints'
import type { GroupBy, GroupId } from './group-ids'
import type { ScanOptions } from '../scan'

/** Options of {@link checkLeakage}. */
export interface LeakageOptions extends ScanOptions {
  /** The group of each sample, as {@link split} takes it. A list needs splits of one dataset. Default no groups. */
  readonly by?: GroupBy | undefined
  /**
   * Distance below which two clips count as near-identical, from 0 (alike but for brightness and contrast) to about
   * 1.4 (nothing in common); false does not look for them. Default 0.1.
   */
  readonly near?: number | false | undefined
  /** Whether to give the report where there is leakage, instead of throwing. Default false. */
  readonly allow?: boolean | undefined
}

/** A sample, by the name of its split and its index there. */
export interface SampleRef {
  readonly split: string
  readonly index: number
}

/** Two samples of different splits that should not be in different splits. */
export interface Leak {
  readonly first: SampleRef
  readonly second: SampleRef
  /** The group that both are in. */
  readonly group?: GroupId
  /** How near the clips are, for near-identical ones. */
  readonly distance?: number
}

/** The result of {@link checkLeakage}. Every list has one entry for each group or clip of the later of two splits. */
export interface LeakageReport {
  /** Whether nothing was found. */
  readonly isClean: boolean
  /** Groups that are in two splits; the samples are the first of each. */
  readonly groups: readonly Leak[]
  /** Clips that are in two splits, to the bit. */
  readonly identical: readonly Leak[]
  /** Clips that look the same but are not, each with the nearest in the other split. */
  readonly nearIdentical: readonly Leak[]
}

const KEYS = ['by', 'near', 'allow', ...SCAN_KEYS]
const DEFAULT_NEAR = 0.1
const MOST_NAMED = 10
/** Clips of a split whose signatures fit into memory: 4 GiB. */
const MOST_COMPARED = 2 ** 22

/**
 * Looks for samples that two splits share: groups, clips that are the same to the bit, and clips that look the same.
 * Each sample is read once. `docs/data.md` says what near-identical means, what it misses, and what it costs.
 *
 * @param splits - Datasets by name, at least two.
 * @returns The report, of which nothing was found or `allow` is true.
 * @throws {TypeError} For an argument of a wrong type, or an option that does not exist.
 * @throws {RangeError} For a value out of range.
 * @throws {ZoetropeError} `ERR_DATA` for leakage, which names at most ten offenders of each kind and has the whole
 * report in `details.report`; and when a dataset fails.
 */
export async function checkLeakage(
  splits: Readonly<Record<string, Dataset | readonly Sample[]>>,
  options: LeakageOptions = {},
): Promise<LeakageReport> {
  const given = checkOptions(options, 'options', KEYS)
  const { near = DEFAULT_NEAR, allow = false } = given
  const [datasets, by] = checkSplits(splits, given.by)
  const threshold = near === false ? undefined : checkNumber(near, 'near', 0, 2)
  checkBoolean(allow, 'allow')
  const { signal, onProgress } = checkScanOptions(given)
  const most = threshold === undefined ? undefined : MOST_COMPARED
  const remedy = threshold === undefined ? 'compare parts of them' : 'with `near: false`, more'
  const lengths = datasets.map(([name, { length }]) => checkListed(length, `splits.${name}.length`, remedy, most))
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const clips: Fingerprints[] = []
  let before = 0
  for (const [at, [name, dataset]] of datasets.entries()) {
    const [start, length] = [before, lengths[at] ?? 0]
    const progress = onProgress && {
      onProgress: ({ done }: { done: number }) => onProgress({ done: start + done, total }),
    }
    clips.push(
      await readFingerprints(name, dataset, {
        length,
        by,
        hasSignatures: threshold !== undefined,
        signal,
        ...progress,
      }),
    )
    before += length
  }
  const report = await compareAll(clips, threshold, signal)
  if (report.isClean || allow) return report
  throw leakageError(report)
}

async function compareAll(
  clips: readonly Fingerprints[],
  threshold: number | undefined,
  signal: AbortSignal | undefined,
): Promise<LeakageReport> {
  if (threshold !== undefined) centre(clips.map(({ signatures }) => signatures))
  const [groups, identical, nearIdentical]: [Leak[], Leak[], Leak[]] = [[], [], []]
  for (const [at, earlier] of clips.entries()) {
    const nearest = threshold === undefined ? undefined : new NearestClips(earlier.signatures, threshold)
    for (const later of clips.slice(at + 1)) {
      groups.push(...shared(earlier, later, ({ groups: ids }) => ids, true))
      identical.push(...shared(earlier, later, ({ hashes }) => hashes, false))
      if (nearest !== undefined) nearIdentical.push(...(await findNear(nearest, [earlier, later], signal)))
    }
  }
  const isClean = groups.length + identical.length + nearIdentical.length === 0
  return { isClean, groups, identical, nearIdentical }
}

/** Values that are in both splits, each time they come in the later one, or only the first time. */
function shared(
  earlier: Fingerprints,
  later: Fingerprints,
  valuesOf: (clips: Fingerprints) => readonly GroupId[],
  isGroup: boolean,
): Leak[] {
  const firsts = new Map<GroupId, number>()
  for (const [index, value] of valuesOf(earlier).entries()) if (!firsts.has(value)) firsts.set(value, index)
  const leaks: Leak[] = []
  for (const [index, value] of valuesOf(later).entries()) {
    const partner = firsts.get(value)
    if (partner === undefined) continue
    if (isGroup) firsts.delete(value)
    leaks.push({
      first: { split: earlier.name, index: partner },
      second: { split: later.name, index },
      ...(isGroup && { group: value }),
    })
  }
  return leaks
}

async function findNear(
  nearest: NearestClips,
  [earlier, later]: readonly [Fingerprints, Fingerprints],
  signal: AbortSignal | undefined,
): Promise<Leak[]> {
  const known = new Set(earlier.hashes) //         a clip that is there to the bit is in `identical`
  const turns = new Turns(signal)
  const leaks: Leak[] = []
  for (const [index, hash] of later.hashes.entries()) {
    await turns.take()
    if (known.has(hash)) continue
    const found = nearest.find(later.signatures, index)
    if (found === undefined) continue
    leaks.push({
      first: { split: earlier.name, index: found.partner },
      second: { split: later.name, index },
      distance: found.distance,
    })
  }
  return leaks
}

function leakageError(report: LeakageReport): ZoetropeError {
  const { groups, identical, nearIdentical } = report
  const parts = [
    listed('groups in two splits', groups, ({ group }) => `${describe(group)}: `),
    listed('identical clips', identical, () => ''),
    listed('near-identical clips', nearIdentical, () => ''),
  ]
  const actual = parts.filter((part) => part !== '').join('; ')
  return new ZoetropeError(
    'ERR_DATA',
    `Expected splits that share nothing, received ${actual}. With \`allow: true\` you get this as a report instead`,
    { groups: groups.length, identical: identical.length, nearIdentical: nearIdentical.length, report },
  )
}

/** "12 identical clips (test[3] = train[17], … and 2 more)" */
function listed(what: string, leaks: readonly Leak[], prefix: (leak: Leak) => string): string {
  if (leaks.length === 0) return ''
  const named = leaks.slice(0, MOST_NAMED).map((leak) => {
    const sign = leak.distance === undefined ? '=' : '≈'
    return `${prefix(leak)}${formatRef(leak.second)} ${sign} ${formatRef(leak.first)}`
  })
  if (leaks.length > MOST_NAMED) named.push(`and ${leaks.length - MOST_NAMED} more`)
  return `${leaks.length} ${what} (${named.join(', ')})`
}

function formatRef({ split, index }: SampleRef): string {
  return `${split}[${index}]`
}

function checkSplits(
  splits: Readonly<Record<string, Dataset | readonly Sample[]>>,
  by: GroupBy | undefined,
): [datasets: [string, Dataset][], by: GroupBy | undefined] {
  checkObject(splits, 'splits')
  const datasets = Object.entries(splits).map(([name, dataset]): [string, Dataset] => [
    name,
    checkDataset(dataset, `splits.${name}`),
  ])
  if (datasets.length < 2)
    throw rangeError(
      'at least two splits',
      'splits',
      datasets.map(([name]) => name),
    )
  const bottoms = datasets.map(([, dataset]) => origin(dataset, 0).dataset)
  if (Array.isArray(by) && bottoms.some((bottom) => bottom !== bottoms[0])) {
    throw rangeError('a function, because the splits are of different datasets,', 'by', by)
  }
  return [datasets, checkBy(by, bottoms[0]?.length ?? 0)]
}
