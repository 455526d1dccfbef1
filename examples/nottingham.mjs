// Folk tunes: the next step of 88 keys from all steps before it (Nottingham, 694/173/170 tunes).
//
// node examples/nottingham.mjs [--data folder with nottingham.npz] [--quick]
import { learnPianoRolls } from './lib/piano-rolls.mjs'
import { runProgram } from './lib/program.mjs'

// The notes of a step are read through a layer of their own, of which training drops a part.
const notes = (outChannels, dropout) => [{ outChannels, kernelSize: 1, dropout }]
const common = { epochs: 30, learningRate: 1e-2, weightDecay: 0.05, ema: 0.99 }
const candidates = {
  'LSTM of 200': { ...common, cnn: notes(128, 0.1), lstm: { hiddenSize: 200 }, dropout: 0.3 },
  'LSTM of 256, more dropout': { ...common, cnn: notes(200, 0.2), lstm: { hiddenSize: 256 }, dropout: 0.5 },
}

await runProgram(import.meta.url, {}, (options) =>
  learnPianoRolls(
    {
      name: 'Nottingham',
      file: 'nottingham.npz',
      candidates,
      batchSize: 16,
      published: 'LSTM 3.29, GRU 3.46, TCN 3.07 (arXiv 1803.01271)',
      most: 3.29,
    },
    options,
  ),
)
