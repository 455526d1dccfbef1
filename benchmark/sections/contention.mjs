/** Beside other programs: training and one clip while as many endless loops as there are threads want the same cores. */
import { start } from '../../scripts/steps.mjs'
import { agree } from '../lib/agreement.mjs'
import { fastest, speedFigure, spread } from '../lib/figures.mjs'
import { shape } from '../lib/network.mjs'
import { interleave } from '../lib/rounds.mjs'
import { median, summary } from '../lib/statistics.mjs'
import { table } from '../lib/table.mjs'

const BATCHES = 5 //          of a sweep: it takes its time here
const cases = [
  {
    figure: 'training step',
    task: 'train',
    clips: shape(8, 16, 32),
    times: ({ sweepsMs }) => median(sweepsMs) / BATCHES,
  },
  { figure: 'one clip', task: 'latency', clips: shape(1, 16, 64), times: ({ callsMs }) => median(callsMs) },
]

export async function contention(context) {
  const { threads } = context.options
  const [rows, raw] = [[], {}]
  for (const { figure, task, clips, times } of cases) {
    const { job, ours, theirs } = await agree(context, clips)
    const contenders = [...ours, ...theirs]
    const entries = contenders.map((contender) => ({ contender, job: { ...job, task, batches: BATCHES } }))
    const results = await besideLoops(threads, () => interleave(asDisturbed(context), entries))
    const measured = contenders.map((contender, index) => ({ contender, summary: summary(results[index].map(times)) }))
    const lines = measured.map((each) => [each.contender.label, ...spread(each.summary)])
    const name = `${figure} beside ${threads} busy programs`
    console.log(`\n${table([`${name}, ${clips.label}`, 'ms', 'min – max'], lines)}`)
    rows.push(speedFigure(name, clips.label, measured[0].summary, fastest(measured.slice(ours.length))))
    raw[task] = Object.fromEntries(contenders.map(({ key }, index) => [key, results[index]]))
  }
  return { rows, raw }
}

/** Every run is disturbed here, which is no reason to repeat it or to say so. */
const asDisturbed = (context) => ({
  ...context,
  options: { ...context.options, retries: 0 },
  runs: { total: 0, disturbed: 0 },
})

async function besideLoops(count, work) {
  const loops = Array.from({ length: count }, () => start(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
  try {
    return await work()
  } finally {
    for (const loop of loops) loop.kill()
  }
}
