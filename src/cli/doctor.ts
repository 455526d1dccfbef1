/** `zoetrope doctor`: prints a diagnosis as a table to paste into an issue, or as JSON. */
import { parseArgs } from 'node:util'
import { UsageError } from './command'
import { diagnose } from '../doctor/doctor'
import { LIBTORCH_VARIABLE } from '../loader/libtorch'
import type { Command } from './command'
import type { Check } from '../doctor/check'

const MARKS = { ok: '✔', note: '•', failed: '✖' } as const

const OPTIONS = { json: { type: 'boolean' }, libtorch: { type: 'string' } } as const

export const doctor: Command = {
  about: 'looks at everything that a training needs on this machine, and trains a tiny model',
  usage: `Usage: zoetrope doctor [--json] [--libtorch FOLDER]

  --json             prints the diagnosis as JSON
  --libtorch FOLDER  looks at the PyTorch whose libraries are in this folder, as ${LIBTORCH_VARIABLE}=FOLDER does

Exit status: 0 where a model can be trained on this machine, 1 where it cannot, 2 where the command line is not understood.`,
  /** Exit status 0 only if a model can be trained here. */
  async run(args) {
    const { json, libtorch } = read(args)
    if (libtorch !== undefined) process.env[LIBTORCH_VARIABLE] = libtorch
    const diagnosis = await diagnose()
    process.stdout.write(`${json ? JSON.stringify(diagnosis, undefined, 2) : formatted(diagnosis.checks)}\n`)
    return diagnosis.isHealthy ? 0 : 1
  },
}

function read(args: string[]): { readonly json: boolean; readonly libtorch: string | undefined } {
  try {
    const { json = false, libtorch } = parseArgs({ args, options: OPTIONS, allowPositionals: false }).values
    return { json, libtorch }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function formatted(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const lines = checks.map(({ name, status, found, remedy }) => {
    const line = `${MARKS[status]} ${name.padEnd(width)}  ${found}`
    return remedy === undefined ? line : `${line}\n  ${' '.repeat(width)}  → ${remedy}`
  })
  return lines.join('\n')
}
