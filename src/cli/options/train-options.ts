/** Every option of `zoetrope train`. */
import type { OptionTable, ValuesOf } from './option'

/** Files, and how clips are made of them. */
export const DATA_OPTIONS = {
  kind: { type: 'choice', choices: ['frames', 'sound', 'table', 'array'], about: 'which clips are taken, where a folder has several kinds (default: the only one)' },
  size: { type: 'size', about: 'pixels of a frame, height by width (default: the first clip’s, made smaller to 96 pixels)' },
  channels: { type: 'choice', choices: ['1', '3'], about: 'grey or RGB frames (default: as the first clip)' },
  resize: { type: 'choice', choices: ['fit', 'fill', 'stretch'], about: 'how frames of another shape become that size (default: fill)' },
  fps: { type: 'number', minimum: 0.001, value: 'RATE', about: 'frames in a second that are taken (default: all)' },
  stride: { type: 'integer', minimum: 1, value: 'N', about: 'takes every Nth frame (default: 1)' },
  timeSteps: { type: 'integer', minimum: 1, value: 'N', about: 'frames of each clip, spread evenly over it (default: all, of long clips 32)' },
  maxFrames: { type: 'integer', minimum: 1, value: 'N', about: 'the most frames of a clip (default: no limit)' },
  window: { type: 'integer', minimum: 1, value: 'N', about: 'cuts clips into windows of N frames, each a sample (default: no windows)' },
  sampleRate: { type: 'integer', minimum: 1, value: 'HZ', about: 'samples in a second, to which sound of another rate is brought (default: as the first clip)' },
  mels: { type: 'integer', minimum: 1, value: 'N', about: 'mel bands of sound (default: 40)' },
  missing: { type: 'text', value: 'NUMBER|previous', about: 'what stands for a missing value of a table (default: it is refused)' },
  group: { type: 'choice', choices: ['prefix', 'folder', 'clip'], about: 'what stays together in the split: the name in front of _, the folder, or nothing (default: looked up)' },
  onError: { type: 'choice', choices: ['throw', 'skip'], about: 'what a clip that cannot be read does: ends the run, or is left out (default: throw)' },
} as const satisfies OptionTable // prettier-ignore

const MODEL_OPTIONS = {
  blocks: { type: 'integers', minimum: 1, value: 'N,N,…', about: 'output channels of each convolution block (default: by the kind of clips)' },
  hiddenSize: { type: 'integer', minimum: 1, value: 'N', about: 'size of the recurrent part (default: by the kind of clips)' },
  numLayers: { type: 'integer', minimum: 1, value: 'N', about: 'recurrent layers (default: 1)' },
  cell: { type: 'choice', choices: ['lstm', 'gru'], about: 'the recurrent cell (default: lstm)' },
  bidirectional: { type: 'flag', about: 'reads clips from both ends (default: yes; --no-bidirectional for streaming)' },
  pooling: { type: 'choice', choices: ['last', 'mean', 'max', 'attention'], about: 'how the frames of a clip become one answer (default: mean)' },
  dropout: { type: 'number', minimum: 0, below: 1, value: 'SHARE', about: 'share of the head’s inputs that training drops (default: by the kind of clips)' },
} as const satisfies OptionTable // prettier-ignore

const TRAINING_OPTIONS = {
  validation: { type: 'number', minimum: 0.001, below: 1, value: 'SHARE', about: 'share of the clips that chooses the best epoch (default: 0.2)' },
  validationData: { type: 'text', value: 'FOLDER', isPath: true, about: 'clips that choose the best epoch, instead of a share' },
  test: { type: 'text', value: 'FOLDER', isPath: true, about: 'clips to test the model on at the end; the report is of them then' },
  epochs: { type: 'integer', minimum: 1, value: 'N', about: 'the most epochs (default: 40)' },
  batchSize: { type: 'integer', minimum: 1, value: 'N', about: 'clips in a batch (default: 16)' },
  learningRate: { type: 'number', minimum: 1e-12, value: 'RATE', about: 'of AdamW, at its highest (default: 0.002)' },
  weightDecay: { type: 'number', minimum: 0, value: 'RATE', about: 'of AdamW (default: 0.01)' },
  labelSmoothing: { type: 'number', minimum: 0, below: 1, value: 'SHARE', about: 'of the targets (default: 0.1)' },
  clipNorm: { type: 'number', minimum: 1e-12, value: 'NORM', about: 'largest norm of the gradients (default: 1)' },
  patience: { type: 'integer', minimum: 1, value: 'N', about: 'epochs without improvement that end the run (default: 12)' },
  best: { type: 'choice', choices: ['accuracy', 'macroF1', 'balancedAccuracy', 'cer', 'loss'], about: 'by what the best epoch is chosen (default: accuracy; unbalanced classes: balancedAccuracy; strings of labels: cer)' },
  balance: { type: 'flag', about: 'draws clips of rare classes more often (default: where one class has 3 times another’s clips)' },
  augment: { type: 'flag', about: 'changes training clips at random (default: yes)' },
  seed: { type: 'integer', minimum: 0, value: 'N', about: 'of weights, split, order and augmentation (default: 0)' },
  device: { type: 'text', value: 'auto|cpu|cuda', about: 'where to compute (default: auto)' },
  threads: { type: 'integer', minimum: 1, value: 'N', about: 'CPU threads (default: the cores)' },
} as const satisfies OptionTable // prettier-ignore

const OUTPUT_OPTIONS = {
  data: { type: 'text', value: 'FOLDER', isPath: true, about: 'the clips, instead of the argument' },
  out: { type: 'text', short: 'o', value: 'FILE', isPath: true, about: 'the model (default: model.safetensors)' },
  report: { type: 'text', value: 'FILE', isPath: true, canBeOff: true, about: 'the report (default: beside the model, as .report.html; --no-report for none)' },
  logs: { type: 'text', value: 'FOLDER', isPath: true, about: 'event files for TensorBoard (default: none)' },
} as const satisfies OptionTable // prettier-ignore

/** What only concerns the terminal. */
const TERMINAL_OPTIONS = {
  config: { type: 'text', short: 'c', value: 'FILE', isPath: true, isStored: false, about: 'reads options from a file of JSON; those of the command line come first' },
  watch: { type: 'flag', isStored: false, about: 'serves a live page on this machine' },
  quiet: { type: 'flag', short: 'q', isStored: false, about: 'prints errors only' },
  json: { type: 'flag', isStored: false, about: 'prints a line of JSON for each event' },
} as const satisfies OptionTable // prettier-ignore

/** The groups of `--help`. */
export const TRAIN_GROUPS: readonly (readonly [string, OptionTable])[] = [
  ['Files', OUTPUT_OPTIONS],
  ['Clips', DATA_OPTIONS],
  ['Model', MODEL_OPTIONS],
  ['Training', TRAINING_OPTIONS],
  ['Terminal', TERMINAL_OPTIONS],
]

export const TRAIN_OPTIONS = {
  ...OUTPUT_OPTIONS,
  ...DATA_OPTIONS,
  ...MODEL_OPTIONS,
  ...TRAINING_OPTIONS,
  ...TERMINAL_OPTIONS,
}

export type DataValues = ValuesOf<typeof DATA_OPTIONS>
export type TrainValues = ValuesOf<typeof TRAIN_OPTIONS>
