// Folk tunes: the next step of 88 keys from all steps before it (Nottingham, 694/173/170 tunes).
//
// node examples/nottingham.mjs [--data folder with nottingham.npz] [--quick]
import { learnPianoRolls } from './lib/piano-rolls.mjs'
import { runProgram } from './lib/program.mjs'

// The notes of a step are read through a layer of their own, of which training drops a part.
const notes = (outChannels, dropout) => [{ outChannels, kernelSize: 1, dropout }]
const common = {
  learningRate: 8e-3,
  weightDecay: 0.01,
  ema: 0.99,
  cnn: notes(200, 0.1),
  lstm: { hiddenSize: 256 },
  dropout: 0.2,
}
const candidates = {
  'LSTM of 256': { ...common, epochs: 50 },
  'the same for longer': { ...common, epochs: 120 },
}

await runProgram(import.meta.url, {}, (options) =>
  learnPianoRolls(
    {
      name: 'Nottingham',
      file: 'nottingham.npz',
      candidates,
      batchSize: 8,
      published: 'LSTM 3.29, GRU 3.46, TCN 3.07 (arXiv 1803.01271)',
      most: 3.29,
    },
    options,
  ),
)
