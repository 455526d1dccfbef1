/** How long the package takes to load: the import, and the first call, which loads the addon and libtorch. */
import { torchContenders, zoetropeContenders } from '../lib/contenders.mjs'
import { costFigure, number } from '../lib/figures.mjs'
import { interleave } from '../lib/rounds.mjs'
import { summary } from '../lib/statistics.mjs'

export async function load(context) {
  const [[zoetrope], [torch]] = [zoetropeContenders(context.options.paths), torchContenders]
  const entries = [zoetrope, torch].map((contender) => ({ contender, job: { task: 'load' } }))
  const [ours, theirs] = await interleave(context, entries)
  const total = summary(ours.map(({ importMs, firstCallMs }) => importMs + firstCallMs))
  const imported = summary(ours.map(({ importMs }) => importMs))
  console.log(`\nThe import alone takes ${number(imported.median)} ms; the first call loads the addon`)
  const other = { contender: { label: 'import torch' }, summary: summary(theirs.map(({ importMs }) => importMs)) }
  return {
    rows: [costFigure('loading, import and first call', '', total, other)],
    raw: { zoetrope: ours, torch: theirs },
  }
}
