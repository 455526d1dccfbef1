// Bach's chorales: the next step of 88 keys from all steps before it (JSB Chorales, 229/76/77 pieces).
//
// node examples/chorales.mjs [--data folder with jsb-chorales.npz] [--quick]
import { learnPianoRolls } from './lib/piano-rolls.mjs'
import { runProgram } from './lib/program.mjs'

// The notes of a step are read through a layer of their own, of which training drops a part.
const notes = (outChannels, dropout) => [{ outChannels, kernelSize: 1, dropout }]
const common = { epochs: 100, learningRate: 1e-2, weightDecay: 0.1, ema: 0.99, dropout: 0.5 }
const candidates = {
  'LSTM of 200': { ...common, cnn: notes(128, 0.2), lstm: { hiddenSize: 200 } },
  'LSTM of 256, more dropout': { ...common, cnn: notes(200, 0.3), lstm: { hiddenSize: 256 } },
}

await runProgram(import.meta.url, {}, (options) =>
  learnPianoRolls(
    {
      name: 'JSB Chorales',
      file: 'jsb-chorales.npz',
      candidates,
      batchSize: 8,
      published: 'LSTM 8.45, GRU 8.43, TCN 8.10 (arXiv 1803.01271)',
      most: 8.45,
    },
    options,
  ),
)
