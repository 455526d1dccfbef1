import { realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** A mistake the user can mend: its message is all there is to print. */
export class UserError extends Error {}

/**
 * Runs `main(options)` when `file` (an `import.meta.url`) is the program Node was started with; does nothing when it
 * was only imported. Ctrl-C aborts `options.signal`, and the exit code is 130; a second Ctrl-C ends the program at once.
 */
export async function runProgram(file, defaults, main) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(file)) return
  const interrupt = new AbortController()
  process.once('SIGINT', () => {
    console.log('\nCtrl-C: stopping after this batch')
    interrupt.abort()
  })
  const { signal } = interrupt
  try {
    await main({ ...readOptions(file, defaults), signal })
  } catch (error) {
    if (signal.aborted && error === signal.reason) {
      process.exitCode = 130
    } else {
      process.exitCode = 1
      console.error(error instanceof UserError ? error.message : error)
    }
  }
}

/**
 * The command line's options, which are the same for every example; `defaults` are the ones that it leaves out. `--tiny`
 * takes little of MNIST, `--seed` is that of MNIST and the motions, `--quick` one epoch and one seed of a recipe on `--data`.
 */
function readOptions(file, defaults) {
  const options = {
    epochs: { type: 'string' },
    seed: { type: 'string', default: '0' },
    tiny: { type: 'boolean', default: false },
    device: { type: 'string', default: 'auto' },
    save: { type: 'string' },
    data: { type: 'string' },
    quick: { type: 'boolean', default: false },
  }
  try {
    const { epochs, seed, ...rest } = parseArgs({ options }).values
    return {
      ...defaults,
      ...rest,
      epochs: epochs === undefined ? (rest.tiny ? 1 : defaults.epochs) : readInteger(epochs, '--epochs', 1),
      seed: readInteger(seed, '--seed', 0),
    }
  } catch (cause) {
    const usage = `node examples/${path.basename(fileURLToPath(file))} [--epochs N] [--seed N] [--tiny] [--device auto|cpu|cuda] [--save PATH] [--data PATH] [--quick]`
    throw new UserError(`${cause.message}\nUsage: ${usage}`, { cause })
  }
}

function readInteger(text, option, least) {
  const value = Number(text)
  if (text !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`Expected an integer from ${least} for ${option}, received ${text}`)
}
