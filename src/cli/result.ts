/** What a test came to, on the terminal. */
import { count, percent, short } from '../report/figures'
import type { Terminal } from './terminal'
import type { TestedFigures } from '../observer'
import type { Interval } from '../report/interval'

function scoreOf({ accuracy, cer, exact, mae }: TestedFigures, range: string): string {
  if (mae !== undefined) return `mean absolute error ${short(mae)}`
  if (cer !== undefined) return `errors ${percent(cer)} of the labels, ${percent(exact ?? NaN)} of the strings right`
  return `accuracy ${percent(accuracy)}${range}`
}

export function tellResult(terminal: Terminal, part: string, result: TestedFigures, interval?: Interval): void {
  const range = interval === undefined ? '' : ` (95 %: ${percent(interval.low)} to ${percent(interval.high)})`
  const score = scoreOf(result, range)
  terminal.say(`${part}: ${score} of ${count(result.samples)} clips, loss ${short(result.loss)}`)
  terminal.tell('test', { part, ...result, ...(interval && { interval }) })
}
