/**
 * A stretch of the fuzzer in a process of its own: `child.js calls|files <seed> <from> <to>`. Standard output has a line
 * of JSON before each call (`{ at }`), and with its name (`{ call }`), for each finding (`{ finding }`) and at the end (`{ done }`): `scripts/fuzz.mjs`
 * reads from it which call ended the process.
 */
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { Fuzzer } from './fuzzer'

const [what = 'calls', ...numbers] = process.argv.slice(2)
const [seed = 1, from = 0, to = 100] = numbers.map(Number)
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)

async function main(): Promise<void> {
  const fuzzer = await Fuzzer.open(what === 'files' ? 'files' : 'calls', seed, (call) => say({ call }))
  for (let index = from; index < to; index++) {
    say({ at: index })
    const { findings, isStuck } = await fuzzer.step(index)
    for (const finding of findings) say({ finding })
    if (isStuck) process.kill(process.pid, 'SIGKILL') //    a call that never settles may hold up the exit, too
  }
  say({ done: true })
  process.exit(0)
}

main().catch((error: unknown) => {
  process.stderr.write(`the fuzzer itself failed: ${inspect(error)}\n`)
  process.kill(process.pid, 'SIGKILL')
})
