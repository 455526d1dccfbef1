import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { gather } from './gather'
import { checkReport } from './options'
import { pageOf } from './page'
import { checkPath, reasonOf } from '../common/checks'
import { ZoetropeError } from '../errors'
import { modelHandle } from '../model/cnn-lstm'
import type { ReportData } from './data'
import type { ReportOptions } from './options'
import type { DataLoader } from '../data/data-loader'
import type { AnyCnnLstm } from '../model/cnn-lstm'

/**
 * Tests a model and writes a report: one HTML file that needs no script and asks nothing of a network. Its figures are
 * those of `test`. `fit({ report })` writes the same for its validation data, and `docs/report.md` says what is in it.
 *
 * The loader's dataset is read a few times, in its own order: neither `shuffle` nor `augment` counts.
 *
 * @returns What the report shows, as data.
 * @throws {TypeError} For an argument of a wrong type, an option that does not exist, or a loader of an iterable.
 * @throws {RangeError} For a head that has no report, or an option out of range.
 * @throws {ZoetropeError} `ERR_DATA` when the dataset fails or the file cannot be written, `ERR_SHAPE_MISMATCH`,
 * `ERR_OUT_OF_MEMORY`, `ERR_DISPOSED`.
 *
 * @example
 * ```ts
 * import { CnnLstm, DataLoader, TensorDataset, writeReport } from 'zoetrope'
 *
 * await using model = await CnnLstm.create({ input: { features: 2 }, classes: ['up', 'down'], seed: 0 })
 * const inputs = { data: new Float32Array(4 * 6 * 2), shape: [4, 6, 2] }
 * const loader = new DataLoader(new TensorDataset({ inputs, targets: [0, 1, 1, 0] }))
 * const { result, interval } = await writeReport('report.html', model, loader, { title: 'Up or down' })
 * console.log(result.accuracy, interval?.low, interval?.high)
 * ```
 */
export async function writeReport(
  path: string | URL,
  model: AnyCnnLstm,
  loader: DataLoader,
  options: ReportOptions = {},
): Promise<ReportData> {
  const file = checkPath(path)
  modelHandle(model).checkUsable()
  const data = await gather(model, checkReport(loader, options))
  await writeWhole(file, pageOf(data))
  return data
}

/** Writes a file that is there whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}-${randomBytes(6).toString('hex')}.tmp`)
  try {
    await writeFile(temporary, text, { flush: true })
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined) //   the first error says what happened
    const message = `Expected to write '${path}', received ${reasonOf(cause)}`
    throw new ZoetropeError('ERR_DATA', message, { path }, { cause })
  }
}
