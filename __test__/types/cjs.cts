/** A CommonJS module: TypeScript's own `import = require`, and an import that it compiles to `require`. */
import zoetrope = require('zoetrope')
import { CnnLstm } from 'zoetrope'

export async function predict(): Promise<readonly ('a' | 'b' | undefined)[]> {
  const one: zoetrope.CnnLstm<'a' | 'b'> = await zoetrope.CnnLstm.create({
    input: { features: 3 },
    classes: ['a', 'b'],
  })
  const two = await CnnLstm.create({ input: { features: 3 }, classes: ['a', 'b'] })
  const predictions = await two.predict({ data: new Float32Array(3), shape: [1, 1, 3] })
  return [...one.classes, ...predictions.map(({ label }) => label)]
}

import decode = require('zoetrope/decode')

export const shares: Float32Array = decode.softmax([1, 2])
