/** `zoetrope train`: a folder of clips in, a model and a report out. */
import { UsageError } from './command'
import { INTERRUPTED, Interrupt } from './interrupt'
import { LivePage } from './live/live-page'
import { readCommandLine } from './options/command-line'
import { readConfigFile } from './options/config-file'
import { optionsHelp } from './options/help'
import { TRAIN_GROUPS, TRAIN_OPTIONS } from './options/train-options'
import { Terminal } from './terminal'
import { runTraining } from './train/run'
import type { Command } from './command'
import type { TrainValues } from './options/train-options'
import type { RunValues } from './train/run'

const DEFAULT_OUT = 'model.safetensors'

export const train: Command = {
  about: 'trains a model on a folder of clips, and writes a report',
  usage: `Usage: zoetrope train FOLDER [options]

FOLDER has a folder for each class, with the clips of that class: videos, folders of frames, sound, tables or arrays. It
may also be a manifest, a .csv or .jsonl file. Nothing else is needed: what no option says is looked up in the clips.

${TRAIN_GROUPS.map(([heading, table]) => optionsHelp(heading, table)).join('\n\n')}

Ctrl-C finishes the step and keeps the best weights so far; a second one ends at once.
Exit status: 0 where the model is trained, 1 where something failed, 2 where the command line or the configuration is not
understood, ${INTERRUPTED} where the run was interrupted.`,
  async run(args) {
    const { values: flags, positionals } = readCommandLine(args, TRAIN_OPTIONS)
    if (positionals.length > 1) throw new UsageError(`Expected one folder, received ${positionals.join(' and ')}`)
    const file: TrainValues = flags.config === undefined ? {} : await readConfigFile(flags.config, TRAIN_OPTIONS)
    const data = positionals[0] ?? flags.data ?? file.data
    if (data === undefined) throw new UsageError('Expected a folder of clips: zoetrope train clips/')
    const values: RunValues = { out: DEFAULT_OUT, ...file, ...flags, data }
    const terminal = new Terminal(values)
    const interrupt = new Interrupt(() => terminal.warn('Stopping after this step; Ctrl-C again ends at once'))
    const live = values.watch === true ? await LivePage.open(data, () => interrupt.stop()) : undefined
    if (live !== undefined) terminal.say(`Live page: ${live.address}`)
    terminal.tell('live', { address: live?.address ?? null })
    try {
      const { signal } = interrupt
      return (await runTraining(values, { terminal, signal, live })) === 'done' ? 0 : INTERRUPTED
    } catch (error) {
      if (!interrupt.signal.aborted) throw error
      terminal.warn('Stopped before the first epoch: there is no model')
      return INTERRUPTED
    } finally {
      interrupt.release()
      await live?.close()
    }
  },
}
