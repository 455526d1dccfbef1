/** With what the model was made, so that somebody else can make it again. */
import { facts, section } from './section'
import { count } from '../figures'
import { html } from '../markup'
import type { Markup } from '../markup'
import type { ReportData } from '../data'

const BYTES_OF_GIGABYTE = 1e9

export function runSection({ command, settings, model, data, machine, created }: ReportData): Markup {
  const hasSettings = Object.keys(settings).length > 0
  return section(
    'Run',
    command === undefined
      ? undefined
      : html`<p>This repeats it:</p>
          <pre>${command}</pre>`,
    facts([
      ['weights', html`SHA-256 <code>${model.hash}</code>`],
      ['data', html`SHA-256 <code>${data.hash}</code>`],
      ['parameters', count(model.parameters)],
      ['zoetrope', machine.zoetrope],
      ['libtorch', `${machine.libtorch}, ${machine.instructionSet}`],
      ['Node', machine.node],
      ['system', machine.system],
      ['processor', `${machine.processor}, ${machine.threads} threads, ${(machine.memoryBytes / BYTES_OF_GIGABYTE).toFixed(0)} GB`], // prettier-ignore
      ['device', machine.device],
      ['written', created],
    ]),
    hasSettings ? details('Settings', settings) : undefined,
    details('Model', model.config),
  )
}

function details(title: string, value: unknown): Markup {
  return html`<details>
    <summary>${title}</summary>
    <pre>${JSON.stringify(value, undefined, 2)}</pre>
  </details>`
}
