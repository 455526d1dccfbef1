/** `zoetrope inspect`: what a model or a folder of clips is. */
import { stat } from 'node:fs/promises'
import { UsageError } from './command'
import { classCounts, lookUp, openClips } from './clips'
import { Interrupt } from './interrupt'
import { readCommandLine } from './options/command-line'
import { optionsHelp } from './options/help'
import { DATA_OPTIONS } from './options/train-options'
import { Terminal } from './terminal'
import { CnnLstm } from '../model/cnn-lstm'
import { count } from '../report/figures'
import type { Command } from './command'
import type { OptionTable } from './options/option'
import type { DataValues } from './options/train-options'
import type { FolderDataset } from '../files/folder-dataset'

const OWN_OPTIONS = {
  json: { type: 'flag', about: 'prints one line of JSON' },
} as const satisfies OptionTable

export const inspect: Command = {
  about: 'shows what a model or a folder of clips is',
  usage: `Usage: zoetrope inspect MODEL|FOLDER [options]

Of a model: its layers, its classes, and how its inputs are made of files. Of a folder of clips: what was found in it, and
what zoetrope train would make of it.

${optionsHelp('Terminal', OWN_OPTIONS)}

${optionsHelp('Clips of a folder', DATA_OPTIONS)}

Exit status: 0, 1 where something failed, 2 where the command line is not understood.`,
  async run(args) {
    const { values, positionals } = readCommandLine(args, { ...OWN_OPTIONS, ...DATA_OPTIONS })
    const [path] = positionals
    if (path === undefined || positionals.length > 1)
      throw new UsageError(`Expected one model or folder, received ${positionals.length}`)
    const { json, ...data } = values
    const terminal = new Terminal({ json })
    if (await isModel(path)) await inspectModel(path, terminal)
    else await inspectFolder(path, data, terminal)
    return 0
  },
}

async function isModel(path: string): Promise<boolean> {
  if (/\.(csv|tsv|jsonl)$/i.test(path)) return false
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ?? path.endsWith('.safetensors')
}

async function inspectModel(path: string, terminal: Terminal): Promise<void> {
  await using model = await CnnLstm.load(path, { device: 'cpu' })
  const { config, classes } = model
  model.summary({ print: (text) => terminal.say(text) })
  terminal.say(`classes: ${classes.length > 0 ? classes.join(', ') : 'none, it answers with numbers'}`)
  terminal.say(JSON.stringify(config, undefined, 2))
  terminal.tell('model', { path, config, classes })
}

async function inspectFolder(path: string, given: DataValues, terminal: Terminal): Promise<void> {
  const interrupt = new Interrupt(() => undefined)
  try {
    const opening = { signal: interrupt.signal }
    const values = await lookUp(path, given, opening)
    await using dataset = await openClips(path, values, opening)
    await dataset.measure(opening)
    const counts = classCounts(dataset)
    const lengths = lengthsOf(dataset)
    terminal.say(dataset.description)
    for (const [index, name] of dataset.classes.entries()) terminal.say(`  ${name}: ${count(counts[index] ?? 0)}`)
    terminal.say(`  frames: ${lengths.shortest} to ${lengths.longest}, half have at most ${lengths.median}`)
    const { kind, classes, input, groupRule, skipped, passedOver, length } = dataset
    terminal.tell('folder', { path, kind, clips: length, classes, counts, lengths, input, groupRule, skipped, passedOver, values }) // prettier-ignore
  } finally {
    interrupt.release()
  }
}

function lengthsOf(dataset: FolderDataset): { shortest: number; median: number; longest: number } {
  const sorted = Uint32Array.from({ length: dataset.length }, (_, index) => dataset.lengthOf(index)).toSorted()
  const last = sorted.length - 1
  return { shortest: sorted[0] ?? 0, median: sorted[Math.floor(last / 2)] ?? 0, longest: sorted[last] ?? 0 }
}
