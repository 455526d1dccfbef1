/** `zoetrope predict`: a model's answers about files. */
import { UsageError } from './command'
import { Interrupt } from './interrupt'
import { readCommandLine } from './options/command-line'
import { optionsHelp } from './options/help'
import { answerFacts, answerText } from './predict/answer'
import { filesOf } from './predict/watch'
import { Terminal } from './terminal'
import { reasonOf } from '../common/checks'
import { ZoetropeError } from '../errors'
import { CnnLstm } from '../model/cnn-lstm'
import { storedPreprocessing } from '../model/stored-preprocessing'
import type { Command } from './command'
import type { OptionTable } from './options/option'
import type { AnyCnnLstm } from '../model/cnn-lstm'

const OPTIONS = {
  watch: { type: 'text', value: 'FOLDER', isPath: true, about: 'answers every file of this folder, and goes on with those that come, until Ctrl-C' },
  device: { type: 'choice', choices: ['auto', 'cpu', 'cuda'], about: 'where to compute (default: auto)' },
  json: { type: 'flag', about: 'prints a line of JSON for each file' },
} as const satisfies OptionTable // prettier-ignore

export const predict: Command = {
  about: 'answers files by a model',
  usage: `Usage: zoetrope predict MODEL FILE… [options]

A FILE is a clip as those that the model was trained on: a video, a folder of frames, sound, a table or an array. The model
knows how its inputs are made of it.

${optionsHelp('Options', OPTIONS)}

Exit status: 0, 1 where a file could not be answered, 2 where the command line is not understood.`,
  async run(args) {
    const { values, positionals } = readCommandLine(args, OPTIONS)
    const [path, ...files] = positionals
    if (path === undefined || (files.length === 0 && values.watch === undefined))
      throw new UsageError('Expected a model and files: zoetrope predict model.safetensors new.mp4')
    const terminal = new Terminal(values)
    await using model: AnyCnnLstm = await CnnLstm.load(path, { device: values.device ?? 'auto' })
    storedPreprocessing(model.config) //          a model of arrays alone is told before any file
    const interrupt = new Interrupt(() => undefined)
    try {
      let hasFailed = false
      const answer = async (file: string): Promise<void> => {
        if (interrupt.signal.aborted || (await answered(model, file, { terminal, signal: interrupt.signal }))) return
        hasFailed = true
      }
      for (const file of files) await answer(file)
      if (values.watch !== undefined)
        for await (const file of filesOf(values.watch, interrupt.signal)) await answer(file)
      return hasFailed ? 1 : 0
    } finally {
      interrupt.release()
    }
  },
}

/** Prints the answer about a file, or why there is none; whether there is one. */
async function answered(
  model: AnyCnnLstm,
  file: string,
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    const answers: readonly unknown[] = await model.predictFile(file, { signal })
    for (const [at, answer] of answers.entries()) {
      const window = answers.length > 1 ? ` [${at + 1}/${answers.length}]` : ''
      terminal.say(`${file}${window}: ${answerText(model, answer)}`)
      terminal.tell('answer', { file, ...(answers.length > 1 && { window: at }), ...answerFacts(model, answer) })
    }
    return true
  } catch (error) {
    if (signal.aborted) return true //                Ctrl-C ends the watch, and is no failure
    if (!(error instanceof ZoetropeError) || error.code !== 'ERR_DATA') throw error
    terminal.warn(`${file}: ${reasonOf(error)}`)
    terminal.tell('failed', { file, reason: reasonOf(error) })
    return false
  }
}
