/**
 * Lives under a limit of threads that an unprivileged user cannot pass, from the moment at which it becomes one: prints
 * how calls that need a thread end. To be started by root with `prlimit --nproc=1`.
 */
import { Adam, CnnLstm, getNumThreads, logMel, setNumThreads, train } from 'zoetrope'
import { movingDotLoader, toyModel } from '../../helpers/toy'

const NOBODY = 65_534

async function ending(call: () => Promise<unknown>): Promise<void> {
  const end = await call().then(
    () => 'done',
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  )
  process.stdout.write(`${end}\n`)
}

async function main(): Promise<void> {
  const model = await toyModel() //    with one thread
  const optimizer = new Adam(model)
  const step = async (): Promise<unknown> => train(model, movingDotLoader(8), { optimizer })
  await step()
  process.setgroups?.([])
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
  await ending(() => CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, numClasses: 2 }))
  await ending(() => logMel({ data: new Float32Array(800), shape: [800] }, { sampleRate: 8000 }))
  setNumThreads(16)
  process.stdout.write(`${getNumThreads()} threads\n`)
  await ending(step)
  setNumThreads(1)
  await ending(step)
}

void main()
