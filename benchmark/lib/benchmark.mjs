/** The benchmark from start to end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sections } from '../sections/index.mjs'
import { writePool } from './batches.mjs'
import { figureCells, figureHeader } from './figures.mjs'
import { describeMachine } from './machine.mjs'
import { torchPython } from './python.mjs'
import { writeResults } from './results.mjs'
import { table } from './table.mjs'

/** Sections that measure nothing of PyTorch's. */
const WITHOUT_TORCH = ['onnx']

/** @param options - What `readOptions` made of the command line. */
export async function benchmark(options) {
  const needsTorch = options.package === undefined && options.sections.some((name) => !WITHOUT_TORCH.includes(name))
  const python = needsTorch ? await torchPython() : undefined
  const machine = await describeMachine(python)
  const { cpu, isa, versions, commit } = machine
  console.log(`${cpu} (${isa.join(' ')}), ${options.threads} threads, ${options.rounds} rounds`)
  const subject = options.package ?? `${versions.zoetrope} at ${commit?.slice(0, 12)}`
  const torch = versions.torch === undefined ? '' : `torch ${versions.torch}, `
  console.log(`${torch}Node ${versions.node}, Zoetrope ${subject}`)

  const folder = mkdtempSync(join(tmpdir(), 'zoetrope-benchmark-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const notes = []
  const note = (text) => notes.includes(text) || notes.push(text)
  if (machine.cores < options.threads) note(`${options.threads} threads on ${machine.cores} cores`)
  const pool = await writePool(folder)
  const context = {
    python,
    options,
    folder,
    pool,
    note,
    status,
    agreed: new Map(),
    raw: {},
    runs: { total: 0, disturbed: 0 },
  }

  const rows = []
  for (const name of options.sections) {
    console.log(`\n● ${name}`)
    const result = await sections[name](context)
    rows.push(...result.rows)
    context.raw[name] = result.raw
  }

  console.log(`\n${table(figureHeader, rows.map(figureCells))}`)
  for (const { reason } of rows.filter((row) => row.reason)) note(`Not measured: ${reason}`)
  const { total, disturbed } = context.runs
  if (disturbed > 0)
    note(`Other programs took over a tenth of a core in ${disturbed} of ${total} runs, also when repeated`)
  for (const text of notes) console.log(`* ${text}`)
  if (options.quick || options.package !== undefined) return //   results/ has the clone's
  console.log(`\nEvery number: ${await writeResults({ machine, options, rows, notes, raw: context.raw })}`)
}

/** A line on a terminal about what is under way; nothing clears it. */
function status(text = '') {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}
