/**
 * How long the package takes to load: the import, and the first call, which loads the addon and libtorch. With
 * `--package` it is the one that is installed in a folder, and not compared with PyTorch.
 */
import { torchContenders, zoetropeContenders } from '../lib/contenders.mjs'
import { atMost, costFigure, ownFigure } from '../lib/figures.mjs'
import { interleave } from '../lib/rounds.mjs'
import { summary } from '../lib/statistics.mjs'

/** What a user waits for. */
const LONGEST_IMPORT = atMost(60, 'ms')
const LONGEST_FIRST_CALL = atMost(500, 'ms')

export async function load(context) {
  const { paths, package: folder } = context.options
  const [[zoetrope], [torch]] = [zoetropeContenders(paths), torchContenders]
  const contenders = folder === undefined ? [zoetrope, torch] : [zoetrope]
  const job = { task: 'load', ...(folder && { package: folder }) }
  const [ours, theirs] = await interleave(
    context,
    contenders.map((contender) => ({ contender, job })),
  )
  const of = (measure) => summary(ours.map(measure))
  const rows = [
    ownFigure('loading, the import', '', of(({ importMs }) => importMs), LONGEST_IMPORT, 'ms'), // prettier-ignore
    ownFigure('loading, the first call', '', of(({ firstCallMs }) => firstCallMs), LONGEST_FIRST_CALL, 'ms'), // prettier-ignore
  ]
  if (theirs !== undefined) {
    const total = of(({ importMs, firstCallMs }) => importMs + firstCallMs)
    const other = { contender: { label: 'import torch' }, summary: summary(theirs.map(({ importMs }) => importMs)) }
    rows.push(costFigure('loading, import and first call', '', total, other))
  }
  return { rows, raw: { zoetrope: ours, ...(theirs && { torch: theirs }) } }
}
