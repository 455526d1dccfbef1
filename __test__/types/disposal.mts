/** For those whose TypeScript and `lib` know `using`. */
import { CnnLstm } from 'zoetrope'

export async function classes(): Promise<readonly string[]> {
  await using model = await CnnLstm.create({ input: { features: 3 }, numClasses: 2 })
  return model.classes
}
