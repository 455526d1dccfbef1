/** The file that a run leaves behind: the machine, the table and every number under it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { root } from '../../scripts/steps.mjs'

const folder = join(root, 'benchmark', 'results')

/**
 * Writes `<date>-<cpu>.json`, or `<date>-<cpu>-<what>.json` for a part of the benchmark or a forced instruction set;
 * returns its path.
 */
export async function writeResults({ machine, options, rows, notes, raw }) {
  const { hasAllSections, hasAllShapes, sections, only, shapes, threads, rounds, seconds, paths } = options
  const shapeNames = shapes.map(({ name }) => name)
  const part = hasAllSections ? [] : sections
  const parts = [machine.date.slice(0, 10), slug(machine.cpu), `${threads}-threads`, ...part]
  if (!hasAllShapes) parts.push(...shapeNames)
  if (only !== undefined) parts.push(...only)
  const { ZOETROPE_CPU: instructionSet } = process.env
  if (instructionSet) parts.push(instructionSet)
  const file = join(folder, `${parts.join('-')}.json`)
  const settings = { threads, rounds, seconds, paths, sections, only, shapes: shapeNames, instructionSet }
  await mkdir(folder, { recursive: true })
  await writeFile(file, `${JSON.stringify({ ...machine, settings, table: rows, notes, raw }, undefined, 1)}\n`)
  return relative(root, file)
}

function slug(text) {
  const words = text.toLowerCase().replace(/\((r|tm)\)/g, '')
  return words.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
}
