/** Trains, saves, loads and predicts: what the programs of a clean room do, whichever way they get the package. */
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/** Takes what the package exports; prints one line that the test looks for. */
module.exports = async function cycle({ Adam, CnnLstm, DataLoader, TensorDataset, train }) {
  const inputs = movingColumns(40)
  const targets = Array.from({ length: 40 }, (_, clip) => clip % 2)
  const options = { input: { channels: 1, height: 8, width: 8 }, classes: ['left', 'right'], device: 'cpu', seed: 0 }
  const model = await CnnLstm.create({ ...options, lstm: { hiddenSize: 16 } })
  const loader = new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 10 })
  const optimizer = new Adam(model, { learningRate: 1e-2 })
  for (let epoch = 0; epoch < 10; epoch++) await train(model, loader, { optimizer, progress: false })
  const folder = mkdtempSync(join(tmpdir(), 'clean room '))
  const path = join(folder, 'модель.safetensors')
  await model.save(path)
  const loaded = await CnnLstm.load(path, { device: 'cpu' })
  const [before, after] = [await model.predict(inputs), await loaded.predict(inputs)]
  const right = after.filter(({ index }, clip) => index === targets[clip]).length
  const isSame = before.every(({ probabilities }, clip) =>
    probabilities.every((value, at) => value === after[clip].probabilities[at]),
  )
  await Promise.all([model.dispose(), loaded.dispose()])
  rmSync(folder, { recursive: true })
  console.log(`cycle: ${right} of 40 right, ${isSame ? 'same' : 'other'} after loading`)
}

/** Clips of 6 frames in which a bright column moves to the left or, every second, to the right. */
function movingColumns(count) {
  const data = new Uint8Array(count * 6 * 64)
  for (let clip = 0; clip < count; clip++)
    for (let time = 0; time < 6; time++)
      for (let row = 0; row < 8; row++) data[((clip * 6 + time) * 8 + row) * 8 + (clip % 2 ? time + 1 : 6 - time)] = 255
  return { data, shape: [count, 6, 1, 8, 8] }
}
