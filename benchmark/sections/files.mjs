/** What reading files costs: an epoch over folders of JPEG frames, decoded before, against one from memory. */
import { join } from 'node:path'
import { writeClipFolder } from '../lib/clip-folder.mjs'
import { torchContenders, zoetropeContenders } from '../lib/contenders.mjs'
import { atMost, costFigure, missingFigure, speedFigure } from '../lib/figures.mjs'
import { network } from '../lib/network.mjs'
import { summary } from '../lib/statistics.mjs'
import { takeTurns } from '../lib/turns.mjs'
import { runJob } from '../lib/worker.mjs'

const batch = 8
const time = 16
const size = 64
const clips = 64
const classes = 4
const label = `${batch} × (${time}, ${size}²)`
const bar = atMost(1.1)
const names = {
  cached: 'epoch from JPEG folders, decoded before',
  decoded: 'epoch from JPEG folders, every frame decoded',
}

export async function files(context) {
  const { threads, paths } = context.options
  const folder = join(context.folder, 'clips')
  const missing = await writeClipFolder(folder, { clips, time, classes })
  if (missing !== undefined) return { rows: [missingFigure(names.cached, label, bar, missing)], raw: {} }
  const [contender] = zoetropeContenders(paths)
  const config = { ...network(size), numClasses: classes }
  const job = { task: 'files', threads, config, folder, batch, size }
  const sources = ['memory', 'cached', 'decoded']
  const turns = await takeTurns(
    context,
    sources.map((source) => ({ contender, job: { ...job, source } })),
  )
  const sweeps = turns.map(({ sweepsMs }) => sweepsMs)
  const [memory, cached, decoded] = sweeps.map((ms) => summary(ms))
  const rows = [costFigure(names.cached, label, cached, { contender: { label: 'from memory' }, summary: memory }, bar)]
  const [defaults] = torchContenders
  const torch = await runJob(context, { ...defaults, label: 'PyTorch, PIL, 2 workers' }, job)
  if (torch.unavailable === undefined) {
    const other = { contender: { label: 'PyTorch, PIL, 2 workers' }, summary: summary(torch.sweepsMs) }
    rows.push(speedFigure(names.cached, label, cached, other), speedFigure(names.decoded, label, decoded, other))
  } else {
    rows.push(missingFigure(names.decoded, label, undefined, torch.unavailable))
  }
  const raw = { ...Object.fromEntries(sources.map((source, at) => [source, sweeps[at]])), torch: torch.sweepsMs }
  return { rows, raw }
}
