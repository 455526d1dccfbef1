/** Trains and asks a network of every kind of layer for a moment; prints their losses. `argv[2]`: the package's folder. */
const path = require('node:path')

const { Adam, AdamW, CnnLstm, DataLoader, RMSprop, Sgd, TensorDataset, setNumThreads, train } = require(
  path.resolve(process.argv[2]),
)

const frame = { channels: 3, height: 16, width: 16 }
const NETWORKS = {
  'small, Adam': { input: { channels: 1, height: 8, width: 8 }, cnn: [{ outChannels: 8 }], lstm: { hiddenSize: 16 } },
  'batch norm, residual, GELU, AdamW': {
    input: frame,
    cnn: [
      { outChannels: 32, norm: 'batch' },
      { outChannels: 32, residual: true, activation: 'gelu', dropout: 0.2 },
    ],
    lstm: { hiddenSize: 64, numLayers: 2, dropout: 0.2 },
    optimizer: AdamW,
  },
  'layer norm, groups, stride, SiLU, both directions, RMSprop': {
    input: frame,
    cnn: [
      { outChannels: 24, norm: 'layer', activation: 'silu', stride: 2, maxPool: null },
      { outChannels: 48, groups: 4, kernelSize: 5, padding: 2, avgPool: 2 },
    ],
    globalPool: 'average',
    lstm: { hiddenSize: 48, bidirectional: true },
    pooling: 'attention',
    optimizer: RMSprop,
  },
  'GRU of vectors, SGD': {
    input: { features: 40 },
    lstm: { cell: 'gru', hiddenSize: 128 },
    pooling: 'mean',
    optimizer: Sgd,
  },
  'dilation, activation none, max over time': {
    input: frame,
    cnn: [{ outChannels: 16, dilation: 2, padding: 2, activation: 'none', maxPool: 3 }],
    lstm: { hiddenSize: 32 },
    pooling: 'max',
  },
}

async function lossOf({ optimizer = Adam, ...options }) {
  const model = await CnnLstm.create({ ...options, numClasses: 3, device: 'cpu', seed: 0 })
  const sizes = 'features' in options.input ? [40] : Object.values(options.input)
  const shape = [8, 5, ...sizes]
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => ((at * 7919) % 251) / 251)
  const targets = Array.from({ length: 8 }, (_, clip) => clip % 3)
  const loader = new DataLoader(new TensorDataset({ inputs: { data, shape }, targets }), { batchSize: 4 })
  const { loss } = await train(model, loader, { optimizer: new optimizer(model), progress: false })
  const { data: logits } = await model.logits({ data, shape })
  await model.dispose()
  if (![loss, ...logits].every(Number.isFinite)) throw new Error(`loss ${loss}, logits ${logits.join()}`)
  return loss
}

async function main() {
  setNumThreads(1)
  const losses = {}
  for (const [name, options] of Object.entries(NETWORKS)) losses[name] = await lossOf(options)
  console.log(JSON.stringify(losses))
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
