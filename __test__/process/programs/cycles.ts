/** Create, train, predict, dispose, over and over: prints how the resident memory grew after a warm-up, in MiB. */
import { Adam, train } from 'zoetrope'
import { movingDotLoader, movingDots, toyModel } from '../../helpers/toy'

const MEBIBYTE = 2 ** 20
const [warmUp, cycles] = process.argv.slice(2).map(Number) as [number, number]

async function cycle(): Promise<void> {
  await using model = await toyModel({ lstm: { hiddenSize: 256 } }) //    1.4 MiB of parameters, 5.6 with Adam's state
  await train(model, movingDotLoader(32), { optimizer: new Adam(model) })
  await model.predict(movingDots(2).inputs)
}

async function main(): Promise<void> {
  for (let count = 0; count < warmUp; count++) await cycle()
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  for (let count = 0; count < cycles; count++) await cycle()
  globalThis.gc?.()
  process.stdout.write(JSON.stringify({ growth: (process.memoryUsage.rss() - before) / MEBIBYTE }))
}

void main()
