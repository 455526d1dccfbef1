/** How a training step's time grows: with threads, with the batch, with the clip. Plots, and a line through each. */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, run } from '../../scripts/steps.mjs'
import { agree } from '../lib/agreement.mjs'
import { number } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { plotsPython } from '../lib/python.mjs'
import { interleave } from '../lib/rounds.mjs'
import { linearFit, median, summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'

const SIZE = 32
const TIME = 16
const BATCH = 8
const powers = (last) => Array.from({ length: Math.log2(last) + 1 }, (_, exponent) => 2 ** exponent)

const sweeps = {
  'batch-size': {
    title: `batch size, clips of ${TIME} frames of ${SIZE}²`,
    points: powers(256).map((batch) => shape(batch, TIME, SIZE)),
  },
  'clip-length': {
    title: `clip length, ${BATCH} clips of frames of ${SIZE}²`,
    points: powers(128).map((time) => shape(BATCH, time, SIZE)),
  },
}

export async function scaling(context) {
  const { job, ours, theirs } = await agree(context, shape(BATCH, TIME, SIZE))
  const contenders = [ours[0], ...theirs.filter(({ key }) => key !== 'compiled')] // it would compile at every point
  const threadCounts = [1, 2].filter((threads) => threads <= availableParallelism())
  const raw = {}
  for (const [name, { title, points }] of Object.entries(sweeps)) {
    const cases = points.map((point) => ({ shape: point, batches: batchesOf(point) }))
    const series = threadCounts.flatMap((threads) => contenders.map((contender) => ({ contender, threads })))
    const seconds = context.options.seconds / 8
    const entries = series.map(({ contender, threads }) => ({
      contender,
      job: { ...job, task: 'series', cases, threads, seconds },
    }))
    const results = await interleave(context, entries)
    raw[name] = { title, series: series.map((entry, index) => line(entry, cases, results[index])) }
    print(title, raw[name].series)
  }
  if (!context.options.quick) await draw(context, raw)
  return { rows: [], raw }
}

/** Few batches where a step is long, for a run of minutes. */
function batchesOf({ batch, time }) {
  return Math.max(1, Math.min(4, Math.floor(2048 / (batch * time))))
}

/** One contender's milliseconds by frames in a batch, and the line through them. */
function line({ contender, threads }, cases, results) {
  const points = cases.map(({ shape: { batch, time, name }, batches }, at) => ({
    shape: name,
    frames: batch * time,
    ms: summary(results.map(({ cases: rounds }) => median(rounds[at]) / batches)),
  }))
  const fit = linearFit(points.map(({ frames, ms }) => [frames, ms.median]))
  return { key: contender.key, label: contender.label, threads, points, fit }
}

function print(title, series) {
  const rows = series.map(({ label, threads, fit }) => [
    label,
    threads,
    number(fit.slope * 1000),
    number(fit.intercept),
    fit.r2.toFixed(4),
  ])
  console.log(`\n${table([title, 'threads', 'µs per frame', 'ms per step', 'R²'], rows)}`)
}

async function draw(context, raw) {
  const file = join(context.folder, 'scaling.json')
  await writeFile(file, JSON.stringify(raw))
  const python = await plotsPython()
  await run(python, [join(root, 'benchmark', 'plot.py'), file, join(root, 'benchmark')])
}
