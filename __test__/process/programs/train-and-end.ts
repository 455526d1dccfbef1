/** Trains an epoch and returns: the process must end by itself, disposed or not. */
import { Adam, train } from 'zoetrope'
import { movingDotLoader, toyModel } from '../../helpers/toy'

async function main(): Promise<void> {
  const model = await toyModel()
  const { samples } = await train(model, movingDotLoader(64), { optimizer: new Adam(model) })
  if (process.argv[2] === 'dispose') await model.dispose()
  process.stdout.write(`trained ${samples}\n`)
}

void main()
