/** What a test came to, on the terminal. */
import { count, percent, short } from '../report/figures'
import type { Terminal } from './terminal'
import type { TestedFigures } from '../observer'
import type { Interval } from '../report/interval'

export function tellResult(terminal: Terminal, part: string, result: TestedFigures, interval?: Interval): void {
  const range = interval === undefined ? '' : ` (95 %: ${percent(interval.low)} to ${percent(interval.high)})`
  const score =
    result.mae === undefined
      ? `accuracy ${percent(result.accuracy)}${range}`
      : `mean absolute error ${short(result.mae)}`
  terminal.say(`${part}: ${score} of ${count(result.samples)} clips, loss ${short(result.loss)}`)
  terminal.tell('test', { part, ...result, ...(interval && { interval }) })
}
