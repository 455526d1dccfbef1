/** `zoetrope test`: a model on clips of known classes. */
import { UsageError } from './command'
import { namesOf, openFor } from './clips'
import { INTERRUPTED, Interrupt } from './interrupt'
import { readCommandLine } from './options/command-line'
import { optionsHelp } from './options/help'
import { tellResult } from './result'
import { Terminal } from './terminal'
import { DataLoader } from '../data/data-loader'
import { test as testModel } from '../evaluation/test'
import { CnnLstm } from '../model/cnn-lstm'
import { storedPreprocessing } from '../model/stored-preprocessing'
import { writeReport } from '../report/write'
import { percent } from '../report/figures'
import type { Command } from './command'
import type { OptionTable, ValuesOf } from './options/option'
import type { TestedFigures } from '../observer'
import type { AnyCnnLstm } from '../model/cnn-lstm'

const OPTIONS = {
  report: { type: 'text', value: 'FILE', isPath: true, about: 'writes a report' },
  batchSize: { type: 'integer', minimum: 1, value: 'N', about: 'clips in a batch (default: 16)' },
  device: { type: 'choice', choices: ['auto', 'cpu', 'cuda'], about: 'where to compute (default: auto)' },
  quiet: { type: 'flag', short: 'q', about: 'prints errors only' },
  json: { type: 'flag', about: 'prints a line of JSON' },
} as const satisfies OptionTable

const DEFAULT_BATCH = 16

export const test: Command = {
  about: 'tests a model on a folder of clips',
  usage: `Usage: zoetrope test MODEL FOLDER [options]

FOLDER is as for zoetrope train. Its clips are made as those that the model was trained on.

${optionsHelp('Options', OPTIONS)}

Exit status: 0, 1 where something failed, 2 where the command line is not understood, ${INTERRUPTED} where it was interrupted.`,
  async run(args) {
    const { values, positionals } = readCommandLine(args, OPTIONS)
    const [path, folder] = positionals
    if (path === undefined || folder === undefined || positionals.length > 2)
      throw new UsageError('Expected a model and a folder: zoetrope test model.safetensors clips/')
    const terminal = new Terminal(values)
    const interrupt = new Interrupt(() => terminal.warn('Stopping'))
    try {
      await using model: AnyCnnLstm = await CnnLstm.load(path, { device: values.device ?? 'auto' })
      await testFolder(model, folder, values, { terminal, signal: interrupt.signal, path })
      return 0
    } catch (error) {
      if (interrupt.signal.aborted) return INTERRUPTED
      throw error
    } finally {
      interrupt.release()
    }
  },
}

async function testFolder(
  model: AnyCnnLstm,
  folder: string,
  { report, batchSize = DEFAULT_BATCH }: ValuesOf<typeof OPTIONS>,
  { terminal, signal, path }: { readonly terminal: Terminal; readonly signal: AbortSignal; readonly path: string },
): Promise<void> {
  const classes = model.classes.length > 0 ? model.classes : undefined
  await using dataset = await openFor(storedPreprocessing(model.config), folder, { signal, classes })
  terminal.say(dataset.description)
  const loader = new DataLoader(dataset, { batchSize })
  if (report === undefined) {
    const result = await testModel(model, loader, { signal, progress: terminal.isText })
    tellResult(terminal, 'test', result)
    sayClasses(terminal, result)
    return
  }
  const { result, interval } = await writeReport(report, model, loader, {
    title: `zoetrope test ${folder}`,
    groups: dataset.groups,
    names: namesOf(dataset, folder),
    skipped: dataset.skipped,
    command: `npx zoetrope test ${path} ${folder}`,
    signal,
    progress: terminal.isText,
  })
  tellResult(terminal, 'test', result, interval)
  sayClasses(terminal, result)
  terminal.say(`Report: ${report}`)
  terminal.tell('report', { report })
}

function sayClasses(terminal: Terminal, { perClass = [] }: TestedFigures): void {
  const width = Math.max(0, ...perClass.map(({ label }) => label.length))
  for (const { label, precision, recall, support } of perClass)
    terminal.say(
      `  ${label.padEnd(width)}  recall ${percent(recall)}, precision ${percent(precision)}, ${support} clips`,
    )
}
