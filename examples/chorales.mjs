// Bach's chorales: the next step of 88 keys from all steps before it (JSB Chorales, 229/76/77 pieces).
//
// node examples/chorales.mjs [--data folder with jsb-chorales.npz] [--quick]
import { learnPianoRolls } from './lib/piano-rolls.mjs'
import { runProgram } from './lib/program.mjs'

const common = { epochs: 60, learningRate: 1e-2, weightDecay: 0.01 }
const candidates = {
  'LSTM of 200': { ...common, lstm: { hiddenSize: 200 }, dropout: 0.5 },
}

await runProgram(import.meta.url, {}, (options) =>
  learnPianoRolls(
    {
      name: 'JSB Chorales',
      file: 'jsb-chorales.npz',
      candidates,
      batchSize: 8,
      published: 'LSTM 8.45, GRU 8.43, TCN 8.10 (arXiv 1803.01271)',
      bar: 8.45,
    },
    options,
  ),
)
