/** Optimizer after optimizer for one model, each dropped after a step: prints how the memory grew. */
import { Adam, train } from 'zoetrope'
import { printGrowth } from '../../helpers/growth'
import { movingDotLoader, toyModel } from '../../helpers/toy'

async function main(): Promise<void> {
  await using model = await toyModel({ lstm: { hiddenSize: 256 } }) //    1.4 MiB of parameters, 2.8 of Adam's state
  await printGrowth(async () => {
    await train(model, movingDotLoader(8), { optimizer: new Adam(model) })
    globalThis.gc?.()
    await new Promise(setImmediate) //    finalizers run in a turn of their own
  })
}

void main()
