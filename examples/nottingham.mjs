// Folk tunes: the next step of 88 keys from all steps before it (Nottingham, 694/173/170 tunes).
//
// node examples/nottingham.mjs [--data folder with nottingham.npz] [--quick]
import { learnPianoRolls } from './lib/piano-rolls.mjs'
import { runProgram } from './lib/program.mjs'

// The notes of a step are read through a layer of their own, of which training drops a part. So few tunes want much dropout,
// and then long training: each candidate takes half an hour on one core.
const notes = (dropout) => [{ outChannels: 200, kernelSize: 1, dropout }]
const common = { learningRate: 8e-3, ema: 0.99 }
const candidates = {
  'two layers of 256': {
    ...common,
    weightDecay: 0.01,
    cnn: notes(0.15),
    lstm: { hiddenSize: 256, numLayers: 2, dropout: 0.4 },
    dropout: 0.4,
    epochs: 120,
  },
  'LSTM of 320': {
    ...common,
    weightDecay: 0.02,
    cnn: notes(0.25),
    lstm: { hiddenSize: 320 },
    dropout: 0.5,
    epochs: 160,
  },
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
