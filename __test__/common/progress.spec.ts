import test from 'ava'
import { Adam, fit, test as evaluate, train } from 'zoetrope'
import { movingDotLoader, toyModel } from '../helpers/toy'

const CLEAR = '\r\u001B[2K'

/** What the work writes to standard output when that is, or is not, a terminal. */
async function written(isTTY: boolean, work: () => Promise<unknown>): Promise<string> {
  const write = process.stdout.write.bind(process.stdout)
  const terminal = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY')
  let text = ''
  Object.defineProperty(process.stdout, 'isTTY', { value: isTTY, configurable: true })
  process.stdout.write = (chunk: string | Uint8Array): boolean => {
    text += String(chunk)
    return true
  }
  try {
    await work()
  } finally {
    process.stdout.write = write
    if (terminal) Object.defineProperty(process.stdout, 'isTTY', terminal)
    else Reflect.deleteProperty(process.stdout, 'isTTY')
  }
  return text
}

test.serial('on a terminal a line tells how far it is, and is cleared at the end', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  const text = await written(true, async () => train(model, movingDotLoader(64), { optimizer }))
  t.true(text.startsWith(CLEAR))
  t.regex(text, /train 1\/4 · loss \d\.\d{4} · accuracy \d\.\d{3} · \d+ samples\/s/)
  t.true(text.endsWith(CLEAR))
  t.false(text.includes('\n'))
  t.regex(await written(true, async () => evaluate(model, movingDotLoader(64))), /test 1\/4 · loss/)
  t.regex(
    await written(true, async () => fit(model, { train: movingDotLoader(64), optimizer, epochs: 2 })),
    /epoch 2\/2 · train/,
  )
})

test.serial('a line is cleared after an error too', async (t) => {
  await using model = await toyModel()
  const onBatch = (): never => {
    throw new Error('enough')
  }
  const text = await written(true, async () =>
    train(model, movingDotLoader(64), { optimizer: new Adam(model), onBatch }).catch(() => undefined),
  )
  t.true(text.endsWith(CLEAR))
})

test.serial('nothing is written where standard output is no terminal, or progress is off', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model)
  t.is(await written(false, async () => train(model, movingDotLoader(64), { optimizer })), '')
  t.is(await written(false, async () => train(model, movingDotLoader(64), { optimizer, progress: true })), '')
  t.is(await written(true, async () => train(model, movingDotLoader(64), { optimizer, progress: false })), '')
  t.is(await written(true, async () => evaluate(model, movingDotLoader(64), { progress: false })), '')
})
