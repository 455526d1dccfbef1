/** `zoetrope doctor`: prints a diagnosis as a table to paste into an issue, or as JSON. */
import { parseArgs } from 'node:util'
import { diagnose } from '../doctor/doctor'
import type { Check } from '../doctor/check'

const MARKS = { ok: '✔', note: '•', failed: '✖' } as const

/** Exit status 0 only if a model can be trained here. */
export async function doctor(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } })
  const diagnosis = await diagnose()
  process.stdout.write(`${values.json ? JSON.stringify(diagnosis, undefined, 2) : formatted(diagnosis.checks)}\n`)
  return diagnosis.isHealthy ? 0 : 1
}

function formatted(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const lines = checks.map(({ name, status, found, remedy }) => {
    const line = `${MARKS[status]} ${name.padEnd(width)}  ${found}`
    return remedy === undefined ? line : `${line}\n  ${' '.repeat(width)}  → ${remedy}`
  })
  return lines.join('\n')
}
