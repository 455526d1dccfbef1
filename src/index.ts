/**
 * Trains, proves and ships CNN-LSTMs in Node: frames → CNN → LSTM → answer.
 *
 * Importing it loads neither the addon nor libtorch: the first call that needs them does.
 *
 * @packageDocumentation
 */
export { DataLoader } from './data-loader'
export { TensorDataset } from './dataset'
export { ERROR_CODES, ZoetropeError } from './errors'
export { fit } from './fit'
export { CnnLstm } from './model'
export { Adam, Sgd } from './optimizer'
export { getNumThreads, isCudaAvailable, manualSeed, setNumThreads } from './runtime'
export { test } from './test'
export { train } from './train'

export type { Batch } from './collate'
export type { DataLoaderOptions } from './data-loader'
export type { DataSource } from './data-source'
export type { Dataset, Sample, TensorDatasetOptions } from './dataset'
export type { ErrorCode } from './errors'
export type { EpochRecord, FitOptions, FitRun } from './fit'
export type { ClassMetrics, Timing } from './metrics'
export type { Prediction } from './model'
export type { FloatArray, NdArray } from './nd-array'
export type {
  CnnBlockConfig,
  CnnBlockOptions,
  Device,
  InputOptions,
  LstmConfig,
  LstmOptions,
  ModelConfig,
  ModelOptions,
} from './options'
export type { AdamOptions, Optimizer, SgdOptions } from './optimizer'
export type { BatchReport } from './pass'
export type { TestOptions, TestResult } from './test'
export type { TrainOptions, TrainResult } from './train'
