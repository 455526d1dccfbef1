/** Leaves with code 7 while models are loaded from a file that never says anything. */
import { CnnLstm } from 'zoetrope'

const [path, way] = process.argv.slice(2) as [string, string]
const ignore = (): void => undefined

async function main(): Promise<void> {
  const model = await CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, numClasses: 2, device: 'cpu' })
  CnnLstm.load(path).catch(ignore)
  model.loadStateDict(path).catch(ignore)
  await CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, numClasses: 2, device: 'cpu' }) //    the others have begun
  if (way === 'remove') process.removeAllListeners('exit')
  process.exit(7)
}

void main()
