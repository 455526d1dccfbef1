/** Keeps features in a file of the temporary folder, and ends in the middle of the second epoch. */
import { Adam, fit } from 'zoetrope'
import { movingDotLoader, toyModel } from '../../helpers/toy'

async function main(): Promise<void> {
  const model = await toyModel()
  await model.freeze('cnn')
  let batches = 0
  const onBatch = (): void => {
    if (++batches === 3) process.exit(7)
  }
  const options = { train: movingDotLoader(32), epochs: 3, optimizer: new Adam(model), onBatch }
  const history = await fit(model, {
    ...options,
    featureCache: { limit: 0 },
    onEpoch: ({ featureCache }) => process.stdout.write(`${featureCache?.spilled}\n`),
  })
  process.stdout.write(`too late: ${history.length}\n`)
}

void main()
