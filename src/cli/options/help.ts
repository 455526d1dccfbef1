/** What `--help` says of options. */
import { flagOf } from './option'
import type { Option, OptionTable } from './option'

const WIDTH = 100
const COLUMN = 28

/** Lines of a table, under a heading. */
export function optionsHelp(heading: string, table: OptionTable): string {
  const lines = Object.entries(table).map(([name, option]) => line(written(name, option), option.about))
  return `${heading}:\n${lines.join('\n')}`
}

function written(name: string, option: Option): string {
  const short = option.short === undefined ? '' : `-${option.short}, `
  const value = placeholder(option)
  return `${short}--${flagOf(name)}${value === '' ? '' : ` ${value}`}`
}

function placeholder(option: Option): string {
  switch (option.type) {
    case 'flag':
      return ''
    case 'choice':
      return option.choices.join('|')
    case 'size':
      return 'HxW'
    case 'integer':
    case 'integers':
    case 'number':
    case 'text':
      return option.value
  }
}

/** Text beside its name; long text goes on below itself. */
function line(name: string, about: string): string {
  const rows: string[] = ['']
  for (const word of about.split(' ')) {
    const last = rows.at(-1) ?? ''
    if (last !== '' && last.length + word.length + 1 > WIDTH - COLUMN) rows.push(word)
    else rows[rows.length - 1] = last === '' ? word : `${last} ${word}`
  }
  const indent = `\n${' '.repeat(COLUMN)}`
  const head = `  ${name}`
  const gap = head.length < COLUMN - 1 ? ' '.repeat(COLUMN - head.length) : indent
  return `${head}${gap}${rows.join(indent)}`
}
