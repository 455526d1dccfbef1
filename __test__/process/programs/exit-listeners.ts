/**
 * Ends the process with code 7 in the middle of a step, in one of the ways in which JavaScript takes away what the
 * package does at an exit.
 */
import { Adam, CnnLstm, DataLoader, TensorDataset, setNumThreads, train } from 'zoetrope'

const way = process.argv[2]
/** What `process.exit` calls when the listeners have run; undocumented, but programs use it. */
const { reallyExit: endAtOnce } = process as unknown as { reallyExit: (code: number) => void }
const reallyExit = (): void => endAtOnce.call(process, 7)
/** The batch at which it ends: other ones from run to run. */
const END = 1 + (process.pid % 5)

function end(): void {
  if (way === 'really') reallyExit()
  else if (way === 'throw')
    setImmediate(() => process.exit(7)) //    a listener's error is nobody's there
  else process.exit(7)
}

async function main(): Promise<void> {
  if (way === 'throw') {
    process.on('exit', () => {
      throw new Error('an exit listener of somebody else')
    })
  }
  setNumThreads(1 + (process.pid % 2))
  const model = await CnnLstm.create({ input: { channels: 1, height: 16, width: 16 }, numClasses: 3, device: 'cpu' })
  const inputs = { data: new Uint8Array(256 * 8 * 256), shape: [256, 8, 1, 16, 16] }
  const loader = new DataLoader(new TensorDataset({ inputs, targets: new Uint8Array(256) }), { batchSize: 8 })
  if (way === 'remove') process.removeAllListeners('exit')
  if (way === 'nested') process.prependListener('exit', reallyExit)
  if (way === 'first') setImmediate(reallyExit) //    in the very first step
  let batches = 0
  const onBatch = (): void => {
    if (way !== 'first' && ++batches === END) end()
  }
  for (;;) await train(model, loader, { optimizer: new Adam(model), onBatch })
}

void main()
