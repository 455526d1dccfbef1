/** An error that nobody catches, while a step is running: Node's own ending, with code 1. */
import { Adam, train } from 'zoetrope'
import { movingDotLoader, toyModel } from '../../helpers/toy'

async function main(): Promise<void> {
  const model = await toyModel()
  setTimeout(() => {
    throw new Error('nobody catches this')
  }, 50)
  await train(model, movingDotLoader(400_000), { optimizer: new Adam(model) })
}

void main()
