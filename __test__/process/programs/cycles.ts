/** Create, train, predict, dispose, over and over: prints how the memory grew. */
import { Adam, train } from 'zoetrope'
import { printGrowth } from '../../helpers/growth'
import { movingDotLoader, movingDots, toyModel } from '../../helpers/toy'

async function cycle(): Promise<void> {
  await using model = await toyModel({ lstm: { hiddenSize: 256 } }) //    1.4 MiB of parameters, 5.6 with Adam's state
  await train(model, movingDotLoader(32), { optimizer: new Adam(model) })
  await model.predict(movingDots(2).inputs)
}

void printGrowth(cycle)
