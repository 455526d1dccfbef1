/** What a run has learned, on the disk: also where the run or the disk fails. */
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { reasonOf } from '../../common/checks'
import { ZoetropeError } from '../../errors'
import type { AnyCnnLstm } from '../../model/cnn-lstm'
import type { Terminal } from '../terminal'

/** Saves the model; where its place does not take it, in the system's folder of temporary files, and says so. */
export async function save(model: AnyCnnLstm, out: string, terminal: Terminal): Promise<void> {
  try {
    await model.save(out)
  } catch (error) {
    const elsewhere = join(tmpdir(), `zoetrope-${randomUUID()}-${basename(out)}`)
    const isSaved = await model.save(elsewhere).then(
      () => true,
      () => false,
    )
    if (!isSaved || !(error instanceof ZoetropeError)) throw error
    terminal.tell('saved', { model: elsewhere })
    const message = `${error.message}. The model is in ${elsewhere}`
    throw new ZoetropeError(error.code, message, { ...error.details, saved: elsewhere }, { cause: error })
  }
  terminal.say(`Model: ${out}`)
  terminal.tell('saved', { model: out })
}

/** After an error, such as a full disk under the event files: the best weights so far are kept, and the error comes after. */
export async function keepFailed(
  model: AnyCnnLstm,
  run: {
    readonly out: string
    readonly epochs: number
    readonly history: readonly unknown[]
    readonly terminal: Terminal
  },
): Promise<void> {
  const { out, epochs, history, terminal } = run
  try {
    await save(model, out, terminal)
    terminal.warn(`Failed after ${history.length} of ${epochs} epochs: the best weights are in ${out}`)
  } catch (error) {
    terminal.warn(reasonOf(error))
  }
}
