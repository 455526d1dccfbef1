/** What a run says while it goes on: a row for each epoch, and a line with the time that is left. */
import { duration, percent, short } from '../../report/figures'
import { Table } from '../terminal'
import type { HeadType } from '../../config/head'
import type { BatchReport } from '../../evaluation/pass'
import type { TargetKind } from '../../files/catalog'
import type { EpochRecord } from '../../training/fit-options'
import type { Terminal } from '../terminal'

/** The figure beside the loss. */
type Score = 'accuracy' | 'cer' | 'mae'
type Scored = { readonly [Name in Score]?: number | undefined }

const SCORES = { class: 'accuracy', labels: 'cer', numbers: 'mae' } as const satisfies Record<TargetKind, Score>

export class RunProgress {
  readonly #terminal: Terminal
  readonly #epochs: number
  readonly #score: Score
  readonly #table: Table
  readonly #began = performance.now()
  #done = 0

  constructor(terminal: Terminal, { epochs, targetKind }: { epochs: number; targetKind: TargetKind }) {
    this.#terminal = terminal
    this.#epochs = epochs
    this.#score = SCORES[targetKind]
    this.#table = new Table(['epoch', 'loss', this.#score, 'val loss', `val ${this.#score}`, 'time', 'best'])
    terminal.say(this.#table.head)
  }

  /** The live line. */
  batch({ step, steps, loss, samples }: BatchReport): string {
    const share = steps === undefined ? 0 : step / steps
    const text = `epoch ${this.#done + 1}/${this.#epochs} · batch ${step}${steps === undefined ? '' : `/${steps}`} · loss ${short(loss)}`
    const left = this.#left(share)
    const line = `${text} · ${samples} clips${left === undefined ? '' : ` · at most ${duration(left)} left`}`
    this.#terminal.draw(() => line)
    return line
  }

  epoch({ epoch, train, validation }: EpochRecord<HeadType>, isBest: boolean): void {
    this.#done = epoch
    const score = (of: Scored | undefined): string => {
      const value = of?.[this.#score]
      if (of === undefined) return ''
      return this.#score === 'mae' ? short(value ?? NaN) : percent(value ?? NaN)
    }
    const seconds = train.seconds + (validation?.seconds ?? 0)
    const cells = [
      String(epoch),
      train.loss.toFixed(4),
      score(train),
      validation?.loss.toFixed(4) ?? '',
      score(validation),
    ]
    this.#terminal.say(this.#table.row([...cells, duration(seconds), isBest ? '*' : '']))
  }

  /** Seconds to the last epoch, which early stopping may not reach; unknown at the beginning. */
  #left(share: number): number | undefined {
    const done = this.#done + share
    if (done === 0) return undefined
    return ((performance.now() - this.#began) / 1000 / done) * (this.#epochs - done)
  }
}
