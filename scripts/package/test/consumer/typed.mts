/** TypeScript: compiled by tsc, or run by a Node that strips types. A wrong type here fails the compilation. */
import { Adam, CnnLstm, DataLoader, TensorDataset, train, ZoetropeError } from 'zoetrope'
import type { ErrorCode, ModelOptions } from 'zoetrope'

const options = {
  input: { channels: 1, height: 8, width: 8 },
  classes: ['dark', 'bright'],
  lstm: { hiddenSize: 8 },
  seed: 0,
} as const satisfies ModelOptions

const inputs = { data: new Float32Array(20 * 3 * 64), shape: [20, 3, 1, 8, 8] }
const targets = Array.from({ length: 20 }, (_, clip) => clip % 2)
for (const [clip, target] of targets.entries()) inputs.data.fill(target, clip * 192, (clip + 1) * 192)

const model = await CnnLstm.create(options)
const optimizer = new Adam(model, { learningRate: 1e-2 })
const loader = new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 10 })
for (let epoch = 0; epoch < 10; epoch++) await train(model, loader, { optimizer, progress: false })
const predictions = await model.predict(inputs)
const labels: ('dark' | 'bright' | undefined)[] = predictions.map(({ label }) => label)
// @ts-expect-error -- the labels are typed by the classes that the model was given
const other: 'left'[] = labels
console.log(`typed: ${labels[0]} ${labels[1]} of ${other.length}`)
await model.dispose()

const error: unknown = await model.predict(inputs).catch((reason: unknown) => reason)
const code: ErrorCode | undefined = error instanceof ZoetropeError ? error.code : undefined
console.log(`typed: ${code}`)
