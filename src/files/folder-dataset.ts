import { join, resolve } from 'node:path'
import { warnOfRejection } from '../common/callbacks'
import { checkInteger, checkOptions, checkPath } from '../common/checks'
import { rememberTargets } from '../data/known-targets'
import { SCAN_KEYS, checkScanOptions } from '../data/scan'
import { rememberStable } from '../data/stable'
import { ZoetropeError } from '../errors'
import { Contents } from './contents'
import { describeDataset } from './describe'
import { checkFolderOptions } from './options'
import { TableReader } from './table-reader'
import type { InputOptions } from '../config/input'
import type { ClipKind, Preprocessing } from '../config/preprocessing'
import type { Dataset, Sample } from '../data/dataset'
import type { ScanOptions } from '../data/scan'
import type { Target } from '../data/targets'
import type { TargetKind } from './catalog'
import type { Item, SkippedClip } from './contents'
import type { FolderDatasetOptions } from './options'

/** Where a sample of a {@link FolderDataset} comes from. */
export interface ClipSource {
  /** The file, or the folder of frames: absolute. */
  readonly path: string
  /** The name of its class; undefined where a manifest gives another target. */
  readonly label: string | undefined
  /** What it belongs to: no group should be in two parts of a split. */
  readonly group: string
  /** The part of the file that the sample is, in frames after `fps` and `stride`; undefined for all of it. */
  readonly window: { readonly start: number; readonly count: number } | undefined
}

/**
 * A folder of clips as a dataset: a folder for each class, in which a clip is a video, a folder of frames, an image, a
 * recording, a table of rows or an array; or a manifest, a .csv or .jsonl file with the columns `path`, `label` or
 * `target`, `from`, `to` and `group`. Clips stay on disk, and {@link FolderDataset.get} reads one; what was decoded is
 * kept for the next epoch. `docs/files.md` says everything else.
 *
 * @example
 * ```ts
 * import { CnnLstm, DataLoader, FolderDataset, split } from 'zoetrope'
 *
 * // words/yes/anna_01.wav, words/no/ben_07.wav, …
 * export async function open(folder: string) {
 *   const dataset = await FolderDataset.open(folder)
 *   const parts = await split(dataset, { fractions: { train: 0.8, validation: 0.2 }, by: dataset.groups })
 *   const { input, classes, preprocessing } = dataset
 *   const model = await CnnLstm.create({ input, classes, preprocessing })
 *   return { model, loader: new DataLoader(parts.train, { shuffle: true, bucketByLength: true }) }
 * }
 * ```
 */
export class FolderDataset implements Dataset {
  readonly #contents: Contents
  readonly #items: readonly Item[]
  /** How many samples there are. */
  readonly length: number
  /** What all clips are. */
  readonly kind: ClipKind
  /** The names of the classes, in the order of their indices; none where a manifest gives numbers as targets. */
  readonly classes: readonly string[]
  /**
   * What the target of a sample is: the index of its class, a string of labels as indices of classes (for the heads `'ctc'`
   * and `'sequence'`), or one or several numbers.
   */
  readonly targetKind: TargetKind
  /** The group of each sample, for `by` of {@link split} and {@link checkLeakage}. */
  readonly groups: readonly string[]
  /** How groups were found, in words. */
  readonly groupRule: string
  /** The class of each sample; undefined where a manifest gives other targets. */
  readonly targets: Int32Array | undefined
  readonly #indices: ReadonlyMap<string, number>
  /** The `input` of a model for these clips. */
  readonly input: InputOptions
  /** How inputs are made of files, for `preprocessing` of {@link CnnLstm.create}. */
  readonly preprocessing: Preprocessing
  /** Clips that cannot be read, with `onError: 'skip'`. */
  readonly skipped: readonly SkippedClip[]
  /** Files that are no clips, or of another kind: the first 1000. */
  readonly passedOver: readonly SkippedClip[]
  /** What was found, in a few lines. */
  readonly description: string

  private constructor(contents: Contents) {
    const { path, catalog, reader, items, skipped } = contents
    const { classes, targetKind } = catalog
    this.#contents = contents
    this.#items = items
    this.length = items.length
    this.kind = catalog.kind
    this.classes = classes
    this.targetKind = targetKind
    const indices = new Map(classes.map((name, index) => [name, index]))
    this.#indices = indices
    this.groups = items.map(({ group }) => group)
    this.groupRule = catalog.groups.rule
    this.input = reader.input
    this.preprocessing = reader.preprocessing
    this.skipped = skipped
    this.passedOver = catalog.passedOver
    if (targetKind === 'class') {
      this.targets = Int32Array.from(items, ({ clip }) => indices.get(clip.label ?? '') ?? 0)
      // oxlint-disable-next-line typescript/unbound-method -- it is compared, not called
      rememberTargets(this, FolderDataset.prototype.get, this.targets)
    }
    // oxlint-disable-next-line typescript/unbound-method -- it is compared, not called
    rememberStable(this, FolderDataset.prototype.get)
    const constant = reader instanceof TableReader ? reader.constant : []
    const { preprocessing, length: samples } = this
    this.description = describeDataset({ path, catalog, samples, preprocessing, skipped, constant })
  }

  /**
   * Looks for clips in a folder of class folders, or in a manifest, and reads the first one: where no option says
   * otherwise, size, channels, sample rate and columns are the first clip's.
   *
   * @throws {TypeError} For an argument of a wrong type, or an option that does not exist or belongs to another kind.
   * @throws {RangeError} For a value out of range.
   * @throws {ZoetropeError} `ERR_DATA` for a folder or manifest that cannot be read or has no clips, or clips of several
   * kinds, and for a clip that cannot be read: `details.path` names it.
   */
  static async open(path: string | URL, options: FolderDatasetOptions = {}): Promise<FolderDataset> {
    const root = resolve(checkPath(path))
    const checked = checkFolderOptions(options)
    const dataset = new FolderDataset(await Contents.open(root, checked))
    warnOfRejection(checked.print(dataset.description), 'print')
    return dataset
  }

  /**
   * Reads the sample at `index`: `[time, …]`, in an array of the caller's own.
   *
   * @throws {ZoetropeError} `ERR_DATA` for a file that cannot be read, which `details.path` names; `ERR_DISPOSED` after
   * `close()`.
   */
  async get(index: number): Promise<Sample> {
    const item = this.#item(index)
    this.#checkOpen()
    const { array } = await this.#contents.read(item)
    return { input: array, target: this.targetOf(index) }
  }

  /**
   * The number of frames of the sample at `index`.
   *
   * @throws {ZoetropeError} `ERR_DATA` where it is not known yet: {@link FolderDataset.measure} looks it up.
   */
  lengthOf(index: number): number {
    const { clip, length } = this.#item(index)
    if (length !== undefined) return length
    const message = `The number of frames of '${clip.path}' is not known yet: call \`await dataset.measure()\` first`
    throw new ZoetropeError('ERR_DATA', message, { index, path: join(this.#contents.catalog.root, clip.path) })
  }

  /** The target of the sample at `index`: the index of its class, or what the manifest says. */
  targetOf(index: number): Target {
    const { clip } = this.#item(index)
    if (clip.labels !== undefined) return Int32Array.from(clip.labels, (label) => this.#indices.get(label) ?? 0)
    return this.targets?.[index] ?? clip.target ?? 0
  }

  /** Where the sample at `index` comes from. */
  source(index: number): ClipSource {
    const { clip, group, window } = this.#item(index)
    return { path: join(this.#contents.catalog.root, clip.path), label: clip.label, group, window }
  }

  /** Looks up the number of frames of every sample, without decoding where files say it: see `measure` of `open`. */
  async measure(options: ScanOptions = {}): Promise<void> {
    const scanning = checkScanOptions(checkOptions(options, 'options', SCAN_KEYS))
    this.#checkOpen()
    await this.#contents.measure(scanning)
  }

  /** Ends what is being read, and lets go of the cache. Twice is fine. */
  async close(): Promise<void> {
    await this.#contents.close()
  }

  /** The end of an `await using` block: the same as {@link FolderDataset.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #item(index: number): Item {
    const item = this.#items[checkInteger(index, 'index', 0, this.length - 1)]
    if (item === undefined) throw new ZoetropeError('ERR_INTERNAL', `No sample at index ${index}`)
    return item
  }

  #checkOpen(): void {
    if (!this.#contents.isClosed) return
    throw new ZoetropeError('ERR_DISPOSED', `The dataset of '${this.#contents.path}' is closed`)
  }
}
